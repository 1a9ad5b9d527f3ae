//! `vectors/attacks/tokens.json` against the core's own verification (RFC 8725).
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on stops"
)]

#[path = "common/forge.rs"]
mod forge;

use scim_core::auth::admission::{self, Checked};
use scim_core::auth::jwt::{JwtError, Software};
use scim_core::auth::{Providers, Registry};
use scim_core::protocol::Error;
use serde_json::Value;

const NOW_S: u64 = 1_800_000_000;

fn admit(authorization: &[u8]) -> Result<String, Error> {
    let configuration = forge::configuration();
    let providers = Providers::from_json(&configuration["providers"]).unwrap();
    let registry = Registry::from_json(&configuration["clients"]).unwrap();
    let token = admission::token(&[authorization])?;
    assert!(admission::is_jwt(token));
    match admission::verify(token, &providers, |_| None, &Software, NOW_S) {
        Err(error) => Err(error.refusal()),
        Ok(Checked::Missing(..)) => panic!("all keys are there"),
        Ok(Checked::Verified(place, claims)) => {
            let provider = &providers.all()[place];
            let client = admission::client_of(&registry, provider, &claims, NOW_S)?;
            Ok(client.name.clone())
        }
    }
}

#[test]
fn each_attack_is_refused_for_its_own_reason_and_looks_like_the_others() {
    let file = include_str!("../../vectors/attacks/tokens.json");
    let file: Value = serde_json::from_str(file).unwrap();
    let cases = file["cases"].as_array().unwrap();
    let outside = JwtError::Expired.refusal();
    for case in cases {
        let name = &case["name"];
        match admit(&forge::attack(case, NOW_S)) {
            Ok(client) => {
                assert_eq!((client.as_str(), &case["status"]), ("of-login", &200.into()), "{name}");
            }
            Err(error) => {
                assert_eq!(
                    (error.status(), error.reason()),
                    (
                        u16::try_from(case["status"].as_u64().unwrap()).unwrap(),
                        case["reason"].as_str().unwrap()
                    ),
                    "{name}"
                );
                if error.status() == 401 {
                    assert_eq!(
                        (error.to_json(), error.headers()),
                        (outside.to_json(), outside.headers()),
                        "{name}"
                    );
                }
            }
        }
    }
    assert!(cases.len() > 30);
    // Somebody else's tokens pass as theirs.
    let token = forge::token("ec", 7, &forge::claims(forge::ISSUER, NOW_S));
    assert_eq!(admit(format!("Bearer {token}").as_bytes()).unwrap(), "of-login");
}
