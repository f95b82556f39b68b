//! What is allowed reads back; credentials are seen by nobody.

use super::*;

#[test]
fn every_egress_reads_back_by_its_label() {
    for text in ["direct", "10.0.0.7", "::1", "http://proxy.test:8080", "socks5://proxy.test:1080"] {
        let egress: Egress = text.parse().unwrap();
        assert_eq!(egress.label(), text);
        assert_eq!(egress.label().parse(), Ok(egress));
    }
}

#[test]
fn credentials_are_used_and_never_shown() {
    let egress: Egress = "socks5://fred:hunter2@proxy.test:1080".parse().unwrap();
    let Egress::Proxy(url) = &egress else { panic!("{egress}") };
    assert!(url.reveal().contains("fred:hunter2"));
    for shown in [egress.label(), egress.to_string(), format!("{egress:?}"), format!("{url:?}")] {
        assert!(!shown.contains("hunter2") && !shown.contains("fred"), "{shown}");
    }
    for bad in ["ftp://fred:hunter2@proxy.test", "fred:hunter2@proxy.test:x", "http://fred:hunter2@"] {
        let error = bad.parse::<Egress>().unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn what_is_not_allowed_is_told_with_what_is() {
    for bad in ["", "nowhere", "ftp://proxy.test", "http://proxy.test/path", "http://proxy.test?x=1", "1.2.3"]
    {
        let error = bad.parse::<Egress>().unwrap_err().to_string();
        assert!(error.starts_with("egress `") && error.contains("allowed are"), "{error}");
    }
}

#[test]
fn egresses_can_be_sorted() {
    let parse = |text: &str| text.parse::<Egress>().unwrap();
    assert!(Egress::Direct < parse("10.0.0.7") && parse("10.0.0.7") < parse("http://proxy.test"));
    assert_eq!(Egress::default(), Egress::Direct);
}
