//! One-time tokens of links to the page, each of which gives one page a key.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use facegen_core::redact::Secret;
use tokio::time::Instant;

use crate::keys::{hash, random_text};

/// The token that was issued last. Of several, only that one is valid.
#[derive(Debug, Default)]
pub struct PageTokens(Mutex<Option<Issued>>);

#[derive(Debug)]
struct Issued {
    hash: [u8; 32],
    expires_at: Instant,
}

impl PageTokens {
    /// How long a token is valid.
    pub const VALID_FOR: Duration = Duration::from_mins(10);

    /// Issues a token in place of the one before.
    ///
    /// # Errors
    /// Fails when the operating system gives no random numbers.
    pub fn issue(&self) -> Result<Secret<String>, getrandom::Error> {
        let token = random_text("")?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Issued {
            hash: hash(&token),
            expires_at: Instant::now() + Self::VALID_FOR,
        });
        Ok(token)
    }

    /// Returns whether the token is valid, which it is not any more then. A wrong
    /// one changes nothing.
    pub fn redeem(&self, token: &Secret<String>) -> bool {
        let mut issued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Hashes are compared, so the time reveals nothing about the token.
        let found = issued.take_if(|issued| issued.hash == hash(token));
        found.is_some_and(|found| Instant::now() < found.expires_at)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[test]
    fn a_token_is_valid_once_and_wrong_ones_spend_nothing() {
        let tokens = PageTokens::default();
        let wrong = Secret::new("0".repeat(32));
        assert!(!tokens.redeem(&wrong), "none was issued");
        let first = tokens.issue().unwrap();
        let token = tokens.issue().unwrap();
        assert_eq!(token.expose().len(), 32);
        assert_ne!(token.expose(), first.expose());
        assert!(!tokens.redeem(&first), "the last one counts");
        assert!(!tokens.redeem(&wrong));
        assert!(tokens.redeem(&token));
        assert!(!tokens.redeem(&token), "it is spent");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_expires() {
        let tokens = PageTokens::default();
        let token = tokens.issue().unwrap();
        advance(PageTokens::VALID_FOR).await;
        assert!(!tokens.redeem(&token));
        let token = tokens.issue().unwrap();
        advance(PageTokens::VALID_FOR - Duration::from_millis(1)).await;
        assert!(tokens.redeem(&token));
    }
}
