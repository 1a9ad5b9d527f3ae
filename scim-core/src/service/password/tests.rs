use alloc::string::String;

use serde_json::json;

use super::*;
use crate::store::memory::Seeded;

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

fn stored(passwords: Passwords, before: Option<&Object>, given: Value) -> Option<String> {
    let random = Seeded::new(3);
    let mut attributes = object(json!({"userName": "ada"}));
    attributes.insert(PASSWORD.into(), given);
    let keeping = Keeping { passwords, random: &random };
    keeping.settle(&Settled::default(), before, &mut attributes).unwrap();
    attributes.get(PASSWORD).and_then(Value::as_str).map(String::from)
}

#[test]
fn by_default_no_password_is_kept() {
    assert_eq!(stored(Passwords::Drop, None, json!("secret")), None);
    let before = object(json!({"password": "$argon2id$x"}));
    assert_eq!(stored(Passwords::Drop, Some(&before), json!("$argon2id$x")), None);
}

#[test]
fn a_hash_names_its_parameters_and_is_that_of_the_password() {
    let hash = stored(Passwords::Hash, None, json!("secret")).unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{hash}");
    assert!(is_of("secret", &hash) && !is_of("Secret", &hash) && !is_of("secret", "secret"));
}

#[test]
fn the_same_password_keeps_its_hash_and_another_one_gets_a_new_one() {
    let first = stored(Passwords::Hash, None, json!("secret")).unwrap();
    let before = object(json!({"password": first.as_str()}));
    let same = stored(Passwords::Hash, Some(&before), json!("secret"));
    assert_eq!(same.as_ref(), Some(&first));
    // As it was read from the record.
    let kept = stored(Passwords::Hash, Some(&before), json!(first.as_str()));
    assert_eq!(kept.as_ref(), Some(&first));
    let other = stored(Passwords::Hash, Some(&before), json!("other")).unwrap();
    assert!(is_of("other", &other) && !is_of("secret", &other));
    // Somebody else who knows the hash does not know the password.
    let copied = stored(Passwords::Hash, None, json!(first.as_str())).unwrap();
    assert!(copied != first && !is_of("secret", &copied));
    assert_eq!(stored(Passwords::Hash, Some(&before), Value::Null), None);
}

#[test]
fn a_transaction_that_runs_again_hashes_once() {
    let random = Seeded::new(4);
    let keeping = Keeping { passwords: Passwords::Hash, random: &random };
    let settled = Settled::default();
    let run = || {
        let mut attributes = object(json!({"password": "secret"}));
        keeping.settle(&settled, None, &mut attributes).unwrap();
        attributes
    };
    assert_eq!(run(), run());
}
