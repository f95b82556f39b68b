//! What is sealed opens in its own place only, and nothing prints.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::domain::kind::ExchangeKind;
use crate::store::scratch::Scratch;
use crate::store::{StoreError, accounts, vault_meta};
use crate::vault::key_file::create_key_file;

const NOW: Timestamp = Timestamp::from_ms(1_700_000_000_000);

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn vault() -> Vault {
    Vault::initialise(MasterKey::random().unwrap(), None, NOW).unwrap().0
}

fn account(id: u32) -> AccountId {
    AccountId::new(id)
}

#[test]
fn a_value_opens_only_where_it_was_sealed() {
    let vault = vault();
    let sealed = vault.seal(account(1), Field::ApiKey, &secret("k3y")).unwrap();
    assert!(sealed.starts_with("v1:") && !sealed.contains("k3y"));
    assert_eq!(vault.open(account(1), Field::ApiKey, &sealed).unwrap().expose(), "k3y");
    for (id, field) in
        [(2, Field::ApiKey), (1, Field::ApiSecret), (1, Field::Passphrase), (1, Field::BotToken)]
    {
        let error = vault.open(account(id), field, &sealed).unwrap_err();
        assert_eq!(error, VaultError::Unreadable { account: account(id), field });
    }
}

#[test]
fn equal_values_do_not_look_equal() {
    let vault = vault();
    let seal = || vault.seal(account(1), Field::ApiKey, &secret("same")).unwrap();
    assert_ne!(seal(), seal());
}

#[test]
fn any_changed_character_is_noticed() {
    let vault = vault();
    let sealed = vault.seal(account(1), Field::ApiKey, &secret("k3y")).unwrap();
    for index in 0..sealed.len() {
        let mut bytes = sealed.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(vault.open(account(1), Field::ApiKey, &changed).is_err(), "{index}");
    }
    for text in ["", "v1:", "v1:AAAA", "v2:AAAA"] {
        assert!(vault.open(account(1), Field::ApiKey, text).is_err(), "{text}");
    }
}

#[test]
fn a_wrong_key_is_told_by_its_source() {
    let (_, meta) = Vault::initialise(MasterKey::random().unwrap(), None, NOW).unwrap();
    let error = Vault::unlock(MasterKey::random().unwrap(), &KeySource::Environment, &meta).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the master key from the environment variable TRADEFLEET_MASTER_KEY is not the one this database was \
         encrypted with"
    );
}

#[test]
fn rotation_moves_every_value_to_the_new_key_only() {
    let dir = tempfile::tempdir().unwrap();
    let (old_path, new_path) = (dir.path().join("old"), dir.path().join("new"));
    create_key_file(&old_path, &MasterKey::random().unwrap()).unwrap();
    create_key_file(&new_path, &MasterKey::random().unwrap()).unwrap();
    let key = |path: &std::path::Path| {
        let lookup = KeyLookup { key_file: Some(path.to_owned()), ..KeyLookup::default() };
        lookup.find_stored().unwrap().unwrap()
    };
    let (old, meta) = Vault::initialise(key(&old_path).raw_key().unwrap(), None, NOW).unwrap();
    let fields: Vec<_> = (1..=3)
        .map(|id| SealedField {
            account: account(id),
            field: Field::ApiSecret,
            text: old.seal(account(id), Field::ApiSecret, &secret(&format!("secret {id}"))).unwrap(),
        })
        .collect();
    let later = Timestamp::from_ms(NOW.ms() + 1);
    let rotation = old.rotate(&meta, key(&new_path).raw_key().unwrap(), None, &fields, later).unwrap();
    assert_eq!((rotation.meta.key_version, rotation.meta.rotated_at), (2, Some(later)));
    assert_eq!(rotation.meta.created_at, NOW);
    assert!(key(&old_path).unlock(&rotation.meta).is_err());
    let new = key(&new_path).unlock(&rotation.meta).unwrap();
    for (id, sealed) in (1..).zip(&rotation.fields) {
        assert_eq!(
            new.open(sealed.account, sealed.field, &sealed.text).unwrap().expose(),
            format!("secret {id}")
        );
        assert!(old.open(sealed.account, sealed.field, &sealed.text).is_err());
    }
}

#[test]
fn the_database_is_under_the_old_key_or_the_new_never_both() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    let key = || secret(&"ab".repeat(32));
    let (vault, meta) = Vault::initialise(MasterKey::from_hex(&key()).unwrap(), None, NOW).unwrap();
    let id = store
        .transaction(|conn| {
            vault_meta::write(conn, &meta)?;
            let id = accounts::insert(conn, "ana", ExchangeKind::Binance, NOW)?;
            let mut row = accounts::get(conn, id)?;
            row.api_key = vault.seal(id, Field::ApiKey, &secret("k3y")).ok();
            row.api_secret = vault.seal(id, Field::ApiSecret, &secret("s3cret")).ok();
            accounts::update(conn, &row, NOW)?;
            let token = vault.seal(id, Field::BotToken, &secret("t0ken")).unwrap();
            conn.execute(
                "INSERT INTO telegram_bots (account_id, bot_token, chat_id) VALUES (?1, ?2, 1)",
                (id.get(), token),
            )?;
            Ok(id)
        })
        .unwrap();
    let rotate = |conn: &rusqlite::Connection| {
        let fields = vault_meta::sealed_fields(conn)?;
        assert_eq!(fields.len(), 3);
        let rotation = vault.rotate(&meta, MasterKey::random().unwrap(), None, &fields, NOW).unwrap();
        vault_meta::write(conn, &rotation.meta)?;
        vault_meta::replace_sealed(conn, &rotation.fields)?;
        Ok(rotation)
    };
    let died = store.transaction(|conn| rotate(conn).and(Err::<(), _>(StoreError::DiskFull)));
    assert_eq!(died, Err(StoreError::DiskFull));
    let stored = vault_meta::read(store.conn()).unwrap().unwrap();
    assert_eq!(stored, meta);
    let sealed = accounts::get(store.conn(), id).unwrap().api_key.unwrap();
    assert_eq!(vault.open(id, Field::ApiKey, &sealed).unwrap().expose(), "k3y");

    let rotation = store.transaction(rotate).unwrap();
    assert_eq!(vault_meta::read(store.conn()).unwrap().unwrap(), rotation.meta);
    for sealed in vault_meta::sealed_fields(store.conn()).unwrap() {
        assert!(rotation.vault.open(sealed.account, sealed.field, &sealed.text).is_ok());
        assert!(vault.open(sealed.account, sealed.field, &sealed.text).is_err());
    }
}

#[test]
fn a_value_that_cannot_be_read_stops_the_rotation() {
    let (old, meta) = Vault::initialise(MasterKey::random().unwrap(), None, NOW).unwrap();
    let text = vault().seal(account(1), Field::ApiKey, &secret("x")).unwrap();
    let fields = [SealedField { account: account(1), field: Field::ApiKey, text }];
    let refused = old.rotate(&meta, MasterKey::random().unwrap(), None, &fields, NOW);
    assert_eq!(refused.err(), Some(VaultError::Unreadable { account: account(1), field: Field::ApiKey }));
}

#[test]
fn a_passphrase_makes_the_same_key_again_under_its_salt() {
    let salt = Salt::random().unwrap();
    let key = MasterKey::from_passphrase(&secret("correct horse"), &salt).unwrap();
    let (_, meta) = Vault::initialise(key, Some(&salt), NOW).unwrap();
    assert_eq!(meta.derivation, Derivation::Argon2id);
    let found = |text: &str| FoundKey { source: KeySource::Prompt, text: secret(text), warning: None };
    assert!(found("correct horse").unlock(&meta).is_ok());
    assert!(matches!(found("wrong horse").unlock(&meta), Err(VaultError::WrongKey { .. })));
}

#[test]
fn nothing_prints_a_secret() {
    let key = MasterKey::from_hex(&secret(&"ab".repeat(32))).unwrap();
    let found = FoundKey { source: KeySource::Environment, text: secret("hunter2"), warning: None };
    let printed = format!("{:?} {} {key:?} {found:?}", secret("hunter2"), secret("hunter2"));
    assert!(
        !printed.contains("hunter2") && !printed.contains("abab") && !printed.contains("171"),
        "{printed}"
    );
}

#[test]
fn the_first_source_that_is_there_wins() {
    let dir = tempfile::tempdir().unwrap();
    let key_file = dir.path().join("key");
    let mut lookup = KeyLookup {
        credentials_directory: Some(dir.path().to_owned()),
        key_file: Some(key_file.clone()),
        variable: Some(secret(&"cc".repeat(32))),
    };
    let found = lookup.find_stored().unwrap().unwrap();
    assert_eq!(found.source, KeySource::Environment);
    assert!(found.warning.is_some());

    create_key_file(&key_file, &MasterKey::random().unwrap()).unwrap();
    let found = lookup.find_stored().unwrap().unwrap();
    assert_eq!((found.source, found.warning), (KeySource::KeyFile(key_file), None));

    let credential = dir.path().join("tradefleet-master-key");
    fs::write(&credential, "ab".repeat(32)).unwrap();
    let found = lookup.find_stored().unwrap().unwrap();
    assert_eq!(found.source, KeySource::Credential(credential.clone()));

    fs::write(&credential, "not a key").unwrap();
    let error = lookup.find_stored().unwrap().unwrap().raw_key().unwrap_err();
    assert!(error.to_string().contains(&credential.display().to_string()), "{error}");

    lookup = KeyLookup::default();
    assert!(lookup.find_stored().unwrap().is_none());
    let (_, meta) = Vault::initialise(MasterKey::random().unwrap(), None, NOW).unwrap();
    assert!(matches!(lookup.find(&meta), Err(VaultError::NoKey { .. })));
}

#[test]
fn key_files_are_private_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys/master");
    create_key_file(&path, &MasterKey::random().unwrap()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(written.trim().len(), 64);
    assert_eq!(
        create_key_file(&path, &MasterKey::random().unwrap()),
        Err(VaultError::KeyFileExists { path: path.clone() })
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), written);

    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    let lookup = KeyLookup { key_file: Some(link.clone()), ..KeyLookup::default() };
    assert!(lookup.find_stored().unwrap().unwrap().raw_key().is_ok());

    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = lookup.find_stored().unwrap_err();
    assert_eq!(refused, VaultError::Permissions { path: link.clone(), mode: 0o640 });
    assert_eq!(refused.hint(), Some(format!("run `chmod 600 {}`", link.display())));
}

#[test]
fn only_64_hex_digits_are_a_key() {
    for text in ["", "ab", &"g".repeat(64), &"ab".repeat(33), &format!("{} ", "ab".repeat(31))] {
        assert!(matches!(MasterKey::from_hex(&secret(text)), Err(VaultError::NotAKey)), "{text}");
    }
    assert!(MasterKey::from_hex(&secret(&format!("  {}\n", "aB".repeat(32)))).is_ok());
}
