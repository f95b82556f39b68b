//! Encryption of backups in the age format (<https://age-encryption.org/v1>), so that the standard tools read them: to
//! the public keys of recipients, whose private half need not be on the machine, or under a passphrase.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use age::secrecy::SecretString;
use age::{Decryptor, Encryptor, Identity, IdentityFile, Recipient, scrypt, x25519};
use sha2::{Digest, Sha256};

use super::{BackupError, digest_of};
use crate::domain::secret::Secret;
use crate::store::files;

/// How every age file begins.
const MAGIC: &[u8] = b"age-encryption.org/";
/// Work of a passphrase that is still accepted, as a power of two: a backup of a fast machine must open on a slow one.
const WORK_FACTOR_MAX: u8 = 22;

/// What a backup is locked with.
#[derive(Debug, Clone)]
pub enum Lock {
    Recipients(Vec<x25519::Recipient>),
    Passphrase(Secret),
}

/// What opens it.
pub enum Key {
    Identities(Vec<Box<dyn Identity + Send + Sync>>),
    Passphrase(Secret),
}

impl Lock {
    /// Public keys, `age1...`.
    pub fn to(recipients: &[String]) -> Result<Self, BackupError> {
        let parse =
            |text: &String| text.parse().map_err(|_| BackupError::NotARecipient { text: text.clone() });
        recipients.iter().map(parse).collect::<Result<_, _>>().map(Self::Recipients)
    }

    /// A file of public keys, one a line; lines that begin with # are comments.
    pub fn to_file(path: &Path) -> Result<Self, BackupError> {
        let text = std::fs::read_to_string(path).map_err(|error| BackupError::input(path, &error))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let recipients: Vec<String> = lines.map(str::to_owned).collect();
        if recipients.is_empty() {
            return Err(BackupError::NoRecipient { path: path.to_owned() });
        }
        Self::to(&recipients)
    }

    fn recipients(&self) -> Vec<Box<dyn Recipient>> {
        match self {
            Self::Recipients(keys) => {
                keys.iter().map(|key| Box::new(key.clone()) as Box<dyn Recipient>).collect()
            }
            Self::Passphrase(passphrase) => {
                vec![Box::new(scrypt::Recipient::new(secret_string(passphrase)))]
            }
        }
    }
}

impl Key {
    /// A file as `age-keygen` writes it.
    pub fn from_file(path: &Path) -> Result<Self, BackupError> {
        let file = File::open(path).map_err(|error| BackupError::input(path, &error))?;
        files::require_private(path)?;
        let not_one = |detail: String| BackupError::NotAnIdentity { path: path.to_owned(), detail };
        IdentityFile::from_buffer(BufReader::new(file))
            .map_err(|error| not_one(error.to_string()))?
            .into_identities()
            .map(Self::Identities)
            .map_err(|error| not_one(error.to_string()))
    }

    fn identities(&self) -> Vec<&dyn Identity> {
        match self {
            Self::Identities(identities) => {
                identities.iter().map(|identity| identity.as_ref() as &dyn Identity).collect()
            }
            Self::Passphrase(_) => Vec::new(),
        }
    }
}

/// Whether the file is an age file.
pub fn is_encrypted(path: &Path) -> Result<bool, BackupError> {
    let mut start = Vec::new();
    let length = u64::try_from(MAGIC.len()).unwrap_or(0);
    File::open(path)
        .and_then(|file| file.take(length).read_to_end(&mut start))
        .map_err(|error| BackupError::input(path, &error))?;
    Ok(start == MAGIC)
}

/// Encrypts a file to the new file `to` and reads back what was written: byte for byte, and under a passphrase also
/// decrypted. What only the recipients can open cannot be tried here.
pub(super) fn encrypt(plain: &Path, to: &Path, lock: &Lock) -> Result<(), BackupError> {
    let recipients = lock.recipients();
    let encryptor = Encryptor::with_recipients(recipients.iter().map(AsRef::as_ref))
        .map_err(|error| BackupError::Encryption { detail: error.to_string() })?;
    let source = File::open(plain).map_err(|error| BackupError::file(plain, &error))?;
    let file = files::create(to).map_err(|error| BackupError::file(to, &error))?;
    let mut written = Sha256::new();
    seal(encryptor, source, &file, &mut written).map_err(|error| BackupError::file(to, &error))?;
    if digest_of(to)? != <[u8; 32]>::from(written.finalize()) {
        return Err(BackupError::ReadsBackDifferently);
    }
    if let Lock::Passphrase(passphrase) = lock {
        let mut opened = Sha256::new();
        decrypt_into(to, &Key::Passphrase(passphrase.clone()), &mut Digesting::new(&mut opened))?;
        if <[u8; 32]>::from(opened.finalize()) != digest_of(plain)? {
            return Err(BackupError::ReadsBackDifferently);
        }
    }
    Ok(())
}

fn seal(encryptor: Encryptor, mut source: File, file: &File, written: &mut Sha256) -> io::Result<()> {
    let mut sealed = encryptor.wrap_output(Tee { file: BufWriter::new(file), digest: written })?;
    io::copy(&mut source, &mut sealed)?;
    sealed.finish()?.flush()?;
    file.sync_all()
}

/// Decrypts a file to the new file `to` (mode 0600), which is removed again if that fails.
pub fn decrypt(from: &Path, to: &Path, key: &Key) -> Result<(), BackupError> {
    let mut file = files::create(to).map_err(|error| BackupError::file(to, &error))?;
    let outcome = decrypt_into(from, key, &mut file);
    if outcome.is_err() {
        files::remove(to)?;
    }
    outcome
}

fn decrypt_into(from: &Path, key: &Key, to: &mut dyn Write) -> Result<(), BackupError> {
    let cannot = |detail: String| BackupError::Undecryptable { path: from.to_owned(), detail };
    let file = File::open(from).map_err(|error| BackupError::file(from, &error))?;
    let decryptor =
        Decryptor::new_buffered(BufReader::new(file)).map_err(|error| cannot(error.to_string()))?;
    let mut reader = match key {
        Key::Identities(_) => open(decryptor, key.identities().into_iter()),
        Key::Passphrase(passphrase) => {
            let mut identity = scrypt::Identity::new(secret_string(passphrase));
            identity.set_max_work_factor(WORK_FACTOR_MAX);
            open(decryptor, std::iter::once(&identity as &dyn Identity))
        }
    }
    .map_err(cannot)?;
    // A file that lost its end, or a changed byte, fails here.
    io::copy(&mut reader, to).map(drop).map_err(|error| cannot(error.to_string()))
}

fn open<'a, R: BufRead + 'static>(
    decryptor: Decryptor<R>,
    identities: impl Iterator<Item = &'a dyn Identity>,
) -> Result<Box<dyn Read>, String> {
    match decryptor.decrypt(identities) {
        Ok(reader) => Ok(Box::new(reader)),
        Err(error) => Err(error.to_string()),
    }
}

fn secret_string(secret: &Secret) -> SecretString {
    SecretString::from(secret.expose().to_owned())
}

/// Writes to a file and to a digest.
struct Tee<'a, W> {
    file: W,
    digest: &'a mut Sha256,
}

impl<W: Write> Write for Tee<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.digest.update(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Takes in what is written.
pub(super) struct Digesting<'a>(&'a mut Sha256);

impl<'a> Digesting<'a> {
    pub(super) const fn new(digest: &'a mut Sha256) -> Self {
        Self(digest)
    }
}

impl Write for Digesting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
