//! A backup is one private, checked file; an encrypted one opens with its key and with nothing else.

use std::os::unix::fs::PermissionsExt;

use age::secrecy::ExposeSecret;

use super::*;
use crate::domain::secret::Secret;
use crate::domain::time::DurationMs;
use crate::store::scratch::Scratch;
use crate::store::{StoreError, restore};

const NOW: Timestamp = Timestamp::from_ms(1_795_737_683_456);

fn plan(scratch: &Scratch, lock: Option<Lock>) -> Plan {
    let keep = Keep { count: 2, age: None };
    let target = Target::Folder { dir: scratch.dir().join("backups"), keep };
    Plan { database: scratch.database(), target, lock }
}

/// A key file and its public half.
fn identity(scratch: &Scratch, name: &str) -> (PathBuf, String) {
    let identity = age::x25519::Identity::generate();
    let path = scratch.dir().join(name);
    fs::write(&path, format!("# created\n{}\n", identity.to_string().expose_secret())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    (path, identity.to_public().to_string())
}

#[test]
fn backups_of_a_folder_rotate() {
    let scratch = Scratch::new();
    let plan = plan(&scratch, None);
    for n in 0..4 {
        let made = make(&plan, NOW.plus(DurationMs::from_secs(n))).unwrap();
        assert_eq!(fs::metadata(&made.path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(made.sha256, HEXLOWER.encode(&Sha256::digest(fs::read(&made.path).unwrap())));
        assert_eq!(made.removed.len(), usize::from(n > 1));
        assert_eq!(restore::inspect(&made.path).unwrap().schema_version, made.schema_version);
    }
    assert_eq!(fs::read_dir(scratch.dir().join("backups")).unwrap().count(), 2);
}

#[test]
fn a_backup_to_recipients_opens_for_each_of_them_and_nobody_else() {
    let scratch = Scratch::new();
    let ((first, one), (second, two)) = (identity(&scratch, "first"), identity(&scratch, "second"));
    let (stranger, _) = identity(&scratch, "stranger");
    let list = scratch.dir().join("recipients");
    fs::write(&list, format!("# mine\n{one}\n\n{two}\n")).unwrap();
    let made = make(&plan(&scratch, Some(Lock::to_file(&list).unwrap())), NOW).unwrap();
    assert!(made.encrypted && made.path.extension().is_some_and(|end| end == "age"));
    assert!(cipher::is_encrypted(&made.path).unwrap());
    assert_eq!(fs::read_dir(scratch.dir().join("backups")).unwrap().count(), 1);
    let opened = scratch.dir().join("opened.db");
    for identity in [first, second] {
        cipher::decrypt(&made.path, &opened, &Key::from_file(&identity).unwrap()).unwrap();
        assert_eq!(restore::inspect(&opened).unwrap().schema_version, made.schema_version);
        fs::remove_file(&opened).unwrap();
    }
    let refused = cipher::decrypt(&made.path, &opened, &Key::from_file(&stranger).unwrap()).unwrap_err();
    assert!(matches!(refused, BackupError::Undecryptable { .. }), "{refused}");
    assert!(!opened.exists());
}

#[test]
fn an_encrypted_backup_shows_every_change_and_a_lost_end() {
    let scratch = Scratch::new();
    let (file, recipient) = identity(&scratch, "key");
    let made = make(&plan(&scratch, Some(Lock::to(&[recipient]).unwrap())), NOW).unwrap();
    let key = Key::from_file(&file).unwrap();
    let bytes = fs::read(&made.path).unwrap();
    let opened = scratch.dir().join("opened.db");
    let step = bytes.len() / 37;
    for place in (0..bytes.len()).step_by(step) {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        fs::write(&made.path, &changed).unwrap();
        assert!(cipher::decrypt(&made.path, &opened, &key).is_err(), "byte {place}");
        fs::write(&made.path, &bytes[..place]).unwrap();
        assert!(cipher::decrypt(&made.path, &opened, &key).is_err(), "{place} bytes");
        assert!(!opened.exists());
    }
}

#[test]
fn a_passphrase_opens_what_it_locked() {
    let scratch = Scratch::new();
    let secret = |text: &str| Secret::new(text.to_owned());
    let to = scratch.dir().join("a.age");
    let target = Target::File(to.clone());
    let lock = Some(Lock::Passphrase(secret("correct horse")));
    let plan = Plan { database: scratch.database(), target, lock };
    make(&plan, NOW).unwrap();
    assert_eq!(make(&plan, NOW), Err(BackupError::Exists { path: to.clone() }));
    let opened = scratch.dir().join("opened.db");
    assert!(cipher::decrypt(&to, &opened, &Key::Passphrase(secret("wrong"))).is_err());
    cipher::decrypt(&to, &opened, &Key::Passphrase(secret("correct horse"))).unwrap();
    restore::inspect(&opened).unwrap();
}

#[test]
fn what_is_not_a_key_is_told() {
    let scratch = Scratch::new();
    let refused = Lock::to(&["age1nonsense".to_owned()]).unwrap_err();
    assert!(refused.to_string().contains("`age1nonsense` is not an age recipient"), "{refused}");
    let path = scratch.dir().join("key");
    fs::write(&path, "x").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Key::from_file(&path).err().unwrap();
    assert!(matches!(refused, BackupError::Store(StoreError::Permissions { .. })), "{refused}");
}

#[test]
fn an_attempt_that_fails_leaves_nothing_and_says_why() {
    let scratch = Scratch::new();
    let plan = Plan { database: scratch.dir().join("none.db"), ..plan(&scratch, None) };
    let outcome = make(&plan, NOW);
    let row = plan.row(&outcome, "daemon", NOW, NOW);
    assert!(row.error.is_some_and(|error| error.contains("none.db")) && row.bytes.is_none());
}
