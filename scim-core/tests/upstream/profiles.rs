//! Profiles as an operator writes them.

use scim_core::upstream::Profile;
use serde_json::json;

#[test]
fn all_built_in_profiles_are_right() {
    let names: Vec<&str> = Profile::names().collect();
    assert_eq!(names, ["rfc", "bitwarden", "openproject", "authentik-source", "django-scim2"]);
    for name in names {
        assert_eq!(Profile::from_json(&json!(name)).map(|profile| profile.name), Ok(name.into()));
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/upstreams.md"));
        assert!(page.expect("the page is there").contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn what_is_wrong_is_named_with_what_was_meant() {
    for (profile, field, words) in [
        (json!("bitwraden"), "upstream.profile", "did you mean `bitwarden`?"),
        (
            json!({"extends": "openprojekt"}),
            "upstream.profile.extends",
            "did you mean `openproject`?",
        ),
        (json!({"pagging": {}}), "upstream.profile.pagging", "did you mean `paging`?"),
        (
            json!({"paging": {"style": "pages"}}),
            "upstream.profile.paging.style",
            "did you mean `page`?",
        ),
        (
            json!({"paging": {"style": "page", "parameter": "page"}}),
            "upstream.profile.paging.size",
            "is missing",
        ),
        (json!({"paging": {"max_count": 0}}), "upstream.profile.paging.max_count", "above 0"),
        (json!({"etag": "yes"}), "upstream.profile.etag", "true or false"),
        (
            json!({"discovery": ["Schema"]}),
            "upstream.profile.discovery[0]",
            "did you mean `Schemas`?",
        ),
        (
            json!({"resources": {"Users": {"filter": {}}}}),
            "upstream.profile.resources.Users.filter",
            "did you mean `filters`?",
        ),
        (
            json!({"resources": {"Users": {"path": "a/b"}}}),
            "upstream.profile.resources.Users.path",
            "one segment",
        ),
        (
            json!({"resources": {"Users": {"filters": {"operators": ["is"]}}}}),
            "upstream.profile.resources.Users.filters.operators[0]",
            "no operator",
        ),
        (
            json!({"resources": {"Users": {"patch": {"add": ["a b"]}}}}),
            "upstream.profile.resources.Users.patch.add[0]",
            "no attribute path",
        ),
        (
            json!({"resources": {"Users": {"delete": "disable"}}}),
            "upstream.profile.resources.Users.delete",
            "must be one of",
        ),
        (
            json!({"resources": {"Users": {"required": {"a b": ["userName"]}}}}),
            "upstream.profile.resources.Users.required.a b",
            "no attribute path",
        ),
        (
            json!({"errors": {"unauthorized": [500]}}),
            "upstream.profile.errors.unauthorized",
            "statuses",
        ),
        (json!(7), "upstream.profile", "must be an object"),
    ] {
        let error = Profile::from_json(&profile).expect_err("it is wrong");
        assert_eq!(error.field, field, "{profile}");
        assert!(error.message.contains(words), "{field}: {}", error.message);
    }
}

#[test]
fn what_extends_a_profile_changes_what_it_names() {
    let own = json!({"extends": "bitwarden", "resources": {
        "Users": {"delete": "deactivate"}, "*": {"create": {"adopts": true}},
    }});
    let profile = Profile::from_json(&own).expect("it is right");
    assert_eq!(profile.path("Users"), "users");
    assert!(profile.resource("Users").create.adopts && profile.resource("Devices").create.adopts);
    assert!(!profile.resource("Users").create.inactive);
    assert!(profile.resource("Groups").hides.has("members.value"));
    assert_eq!(profile.path("Devices"), "Devices");
}
