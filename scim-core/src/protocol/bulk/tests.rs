use alloc::string::ToString;
use alloc::vec;

use super::*;
use crate::protocol::ScimType;

fn read(message: &Value) -> Result<Request, Error> {
    let limits = Limits { bulk_operations: 3, ..Limits::default() };
    parse(message.as_object().unwrap(), &limits)
}

fn post(bulk_id: &str) -> Value {
    json!({"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": {}})
}

#[test]
fn a_message_as_the_rfc_has_it() {
    let request = read(&json!({
        "schemas": [urn::BULK_REQUEST],
        "failOnErrors": 2,
        "Operations": [
            post("a"),
            {"method": "put", "path": "/Users/1", "version": "W/\"1\"", "data": {"title": "x"}},
            {"method": "DELETE", "path": "/Users/2", "data": {"ignored": true}},
        ],
    }));
    let request = request.unwrap();
    assert_eq!(request.fail_on_errors, Some(2));
    let methods: Vec<Method> = request.operations.iter().map(|o| o.method).collect();
    assert_eq!(methods, [Method::Post, Method::Put, Method::Delete]);
    assert_eq!(request.operations[0].bulk_id.as_deref(), Some("a"));
    assert_eq!(request.operations[1].version.as_deref(), Some("W/\"1\""));
    assert!(request.operations[2].data.is_empty());
    assert_eq!(read(&json!({"Operations": [post("a")]})).unwrap().fail_on_errors, None);
}

#[test]
fn too_many_operations_are_413() {
    let error = read(&json!({"Operations": [0, 0, 0, 0]})).unwrap_err();
    assert_eq!((error.status(), error.scim_type()), (413, None));
    assert_eq!(error.detail(), "more than maxOperations (3)");
}

#[test]
fn errors_name_the_operation_and_no_value() {
    let refused = |operation: Value| {
        let error = read(&json!({"Operations": [post("a"), operation]})).unwrap_err();
        assert_eq!(error.scim_type(), Some(ScimType::InvalidSyntax));
        error.detail().to_string()
    };
    assert_eq!(refused(json!("secret")), "operation 1 is not an object");
    assert_eq!(refused(post("a")), "`bulkId` of operation 1 is not unique");
    assert_eq!(
        refused(json!({"method": "SECRET"})),
        "`method` of operation 1 must be POST, PUT, PATCH or DELETE"
    );
    assert_eq!(refused(json!({"method": "DELETE"})), "`path` of operation 1 is missing");
    assert_eq!(
        refused(json!({"method": "PUT", "path": "/Users/secret"})),
        "`data` of operation 1 must be an object"
    );
}

#[test]
fn references_are_found_and_resolved_at_any_depth() {
    let mut data = json!({
        "a": "bulkId:one",
        "b": [{"value": "bulkId:two"}, "bulkId:one", ["bulkId:"]],
        "c": {"d": {"e": "bulkId:gone"}},
        "text": "not a bulkId:one",
        "bulkId:one": 1,
    });
    let data = data.as_object_mut().unwrap();
    let mut asked = BTreeSet::new();
    resolve(data, &Limits::default(), |name| {
        asked.insert(name.to_string());
        match name {
            "one" => Some("1".to_string()),
            "two" => Some("2".to_string()),
            _ => None,
        }
    });
    assert_eq!(asked.into_iter().collect::<Vec<_>>(), ["", "gone", "one", "two"]);
    assert_eq!(
        Value::Object(data.clone()),
        json!({
            "a": "1",
            "b": [{"value": "2"}, "1", ["bulkId:"]],
            "c": {"d": {"e": "bulkId:gone"}},
            "text": "not a bulkId:one",
            "bulkId:one": 1,
        })
    );
}

#[test]
fn references_are_found_in_the_filters_of_paths() {
    let path = |text: &str| {
        let mut data = json!({"operations": [{"op": "remove", "Path": text}]});
        resolve(data.as_object_mut().unwrap(), &Limits::default(), |_| Some("7".into()));
        data["operations"][0]["Path"].as_str().unwrap().to_string()
    };
    assert_eq!(path(r#"members[value eq "bulkId:a"]"#), r#"members[value eq "7"]"#);
    assert_eq!(
        path(r#"members[not (type eq "User" and value eq bulkId:a) or $ref eq "x"].value"#),
        r#"members[not (type eq "User" and value eq "7") or $ref eq "x"].value"#
    );
    // Neither a path that is none nor one without a filter is touched.
    for text in ["members[value eq \"bulkId:a\"", "bulkIds", "urn:bulkId:a"] {
        assert_eq!(path(text), text);
    }
}

#[test]
fn the_answer_has_status_as_text_and_only_what_there_is() {
    let request =
        read(&json!({"Operations": [post("a"), {"method": "DELETE", "path": "/Users/2"}]}));
    let operations = request.unwrap().operations;
    let outcomes = vec![
        Outcome::failed(&Error::uniqueness("userName"), None),
        Outcome { status: 204, location: Some("/2".into()), version: None, response: None },
    ];
    assert_eq!(
        response(operations.iter().zip(&outcomes)),
        json!({
            "schemas": [urn::BULK_RESPONSE],
            "Operations": [
                {
                    "method": "POST",
                    "bulkId": "a",
                    "status": "409",
                    "response": Error::uniqueness("userName").to_json(),
                },
                {"method": "DELETE", "location": "/2", "status": "204"},
            ],
        })
    );
}
