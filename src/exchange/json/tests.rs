//! Every form an exchange writes a value in, and every form that must not pass.

use rust_decimal::dec;

use super::*;

#[derive(Debug, PartialEq, Deserialize)]
struct Row {
    price: DecimalText,
    #[serde(default)]
    average: OptionalDecimal,
    #[serde(default)]
    id: OptionalId,
    #[serde(default)]
    count: OptionalInt,
    #[serde(default)]
    at: OptionalTime,
}

fn price(literal: &str) -> Result<Decimal, String> {
    parse::<DecimalText>(literal).map(|value| value.0).map_err(|error| error.to_string())
}

#[test]
fn numbers_are_read_to_the_last_digit_in_every_form() {
    let cases = [
        ("\"67000.10\"", dec!(67000.1)),
        ("67000.10", dec!(67000.1)),
        ("0.1234567890123456789012345678", dec!(0.1234567890123456789012345678)),
        ("-0.00", dec!(0)),
        ("1e-8", dec!(0.00000001)),
        ("1.5E+3", dec!(1500)),
        ("\"12345678901234567890.12345678\"", dec!(12345678901234567890.12345678)),
        ("\"\\u0031.5\"", dec!(1.5)),
        ("0.000000000000000000000000000000000000", dec!(0)),
        ("5.00000000000000000000000000000000000000", dec!(5)),
        ("1e19", dec!(10000000000000000000)),
        ("\"00000000000000000000000000001\"", dec!(1)),
        ("-1000e-30", dec!(-0.000000000000000000000000001)),
    ];
    for (literal, expected) in cases {
        assert_eq!(price(literal), Ok(expected), "{literal}");
    }
}

#[test]
fn what_is_no_exact_number_is_an_error() {
    let cases = [
        "\"\"",
        "null",
        "true",
        "[1]",
        "{}",
        "\"NaN\"",
        "\"Infinity\"",
        "\"1,5\"",
        "\" 1\"",
        "\"+1\"",
        "\".5\"",
        "\"1.5.2\"",
        "\"--1\"",
        "\"1e\"",
        "\"1e1e1\"",
        "\"0x10\"",
        "\"１\"",
        "1e20",
        "100000000000000000000",
        "1e29",
        "1e-29",
        "1e999999999999999999",
        "1e-9223372036854775808",
        "\"1e99999999999999999999999999\"",
        "0.12345678901234567890123456789",
        "123456789012345678901234567890",
    ];
    for literal in cases {
        assert!(price(literal).is_err(), "{literal}");
    }
    let error = price("\"1,5\"").unwrap_err();
    assert!(error.contains("`1,5` is not a decimal number"), "{error}");
}

#[test]
fn a_number_of_a_million_digits_is_refused_and_shown_in_short() {
    for digits in [
        "9".repeat(1_000_000),
        format!("0.{}", "0".repeat(1_000_000)),
        format!("\"{}\"", "é".repeat(500_000)),
    ] {
        let error = price(&digits).unwrap_err();
        assert!(error.len() < 300, "{}", error.len());
    }
}

#[test]
fn what_may_be_missing_may_be_empty_null_or_absent() {
    for text in [
        r#"{"price":1}"#,
        r#"{"price":1,"average":null,"id":null,"count":null,"at":null}"#,
        r#"{"price":1,"average":"","id":"","count":"","at":""}"#,
    ] {
        let row: Row = parse(text).unwrap();
        assert_eq!((row.average.0, row.id.0, row.count.0, row.at.0), (None, None, None, None), "{text}");
    }
    let row: Row =
        parse(r#"{"price":"1","average":2.5,"id":90071992547409931,"count":"-3","at":1600000000000}"#)
            .unwrap();
    assert_eq!(row.average.0, Some(dec!(2.5)));
    assert_eq!(row.id.0.as_deref(), Some("90071992547409931"), "more than a double can hold");
    assert_eq!(row.count.0, Some(-3));
    assert_eq!(row.at.0, Some(Timestamp::from_ms(1_600_000_000_000)));
}

#[test]
fn whole_numbers_are_whole_and_fit() {
    assert_eq!(parse::<IntText>("\"10\"").unwrap(), IntText(10));
    assert_eq!(parse::<IntText>("10.0").unwrap(), IntText(10));
    assert_eq!(parse::<TimeText>("1.6e12").unwrap(), TimeText(Timestamp::from_ms(1_600_000_000_000)));
    for literal in ["10.5", "9223372036854775808", "\"\"", "null", "\"ten\""] {
        assert!(parse::<IntText>(literal).is_err(), "{literal}");
        assert!(parse::<TimeText>(literal).is_err(), "{literal}");
    }
}

#[test]
fn an_identifier_is_its_text() {
    assert_eq!(parse::<IdText>("12").unwrap(), parse::<IdText>("\"12\"").unwrap());
    assert_eq!(parse::<IdText>(r#""a\"b""#).unwrap(), IdText("a\"b".to_owned()));
    for literal in ["\"\"", "null", "false", "{}"] {
        assert!(parse::<IdText>(literal).is_err(), "{literal}");
    }
}

#[test]
fn hostile_shapes_are_errors_and_no_more() {
    assert!(parse::<Row>(r#"{"price":"1","price":"2"}"#).is_err(), "which one holds");
    let deep = format!("{{\"price\":1,\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    // Skipped or refused, but without running out of stack.
    let _either = parse::<Row>(&deep);
    assert!(parse::<serde_json::Value>(&deep).is_err());
    assert!(parse::<Row>("{\"price\":1}garbage").is_err());
    assert!(parse::<Row>("").is_err());
}

#[test]
fn a_value_that_went_through_a_double_does_not_pass() {
    let value: serde_json::Value = serde_json::from_str("0.1234567890123456789").unwrap();
    assert!(serde_json::from_value::<DecimalText>(value).is_err());
}
