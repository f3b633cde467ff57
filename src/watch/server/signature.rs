//! Whether a delivery comes from HeyGen: HMAC-SHA256 of the raw body, keyed with the literal secret.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// The secrets that are accepted now. Several, so that one can be exchanged for another.
#[derive(Debug, Default)]
pub struct Secrets(Vec<SecretString>);

impl Secrets {
    #[must_use]
    pub fn new(secrets: Vec<SecretString>) -> Self {
        Self(secrets)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares in constant time, with every secret.
    #[must_use]
    pub fn signed(&self, body: &[u8], signature: &str) -> bool {
        let Ok(given) = hex::decode(signature.trim()) else {
            return false;
        };
        let signed_with = |secret: &SecretString| {
            let mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes());
            mac.is_ok_and(|mac| mac.chain_update(body).verify_slice(&given).is_ok())
        };
        self.0.iter().filter(|s| signed_with(s)).count() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Case 2 of RFC 4231.
    const KEY: &str = "Jefe";
    const BODY: &[u8] = b"what do ya want for nothing?";
    const DIGEST: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    #[test]
    fn any_of_the_secrets_signs_and_nothing_else_does() {
        let secrets = Secrets::new(vec!["another".to_owned().into(), KEY.to_owned().into()]);
        assert!(secrets.signed(BODY, DIGEST));
        assert!(secrets.signed(BODY, &DIGEST.to_uppercase()));
        assert!(!secrets.signed(b"what do ya want", DIGEST));
        assert!(!secrets.signed(BODY, &DIGEST[..62]));
        assert!(!secrets.signed(BODY, ""));
        assert!(!secrets.signed(BODY, "sha256=nonsense"));
        assert!(!Secrets::default().signed(BODY, DIGEST));
    }
}
