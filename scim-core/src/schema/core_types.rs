//! User, Group and EnterpriseUser (RFC 7643 §3.1, §4, §8.7).

use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;

use super::attribute::{AttrType, Attribute, Mutability, Returned, Schema, Uniqueness};
use super::resource_type::{Extension, ResourceType, indexed_by_default};
use crate::protocol::urn;

/// Builds attribute definitions: each method changes one characteristic from RFC 7643's default.
impl Attribute {
    const fn new(name: &'static str, kind: AttrType, description: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            kind,
            multi_valued: false,
            description: Cow::Borrowed(description),
            required: false,
            canonical_values: Vec::new(),
            case_exact: false,
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            uniqueness: Uniqueness::None,
            reference_types: Vec::new(),
            sub_attributes: Vec::new(),
        }
    }

    const fn multi(mut self) -> Self {
        self.multi_valued = true;
        self
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn exact(mut self) -> Self {
        self.case_exact = true;
        self
    }

    const fn mutability(mut self, mutability: Mutability) -> Self {
        self.mutability = mutability;
        self
    }

    const fn returned(mut self, returned: Returned) -> Self {
        self.returned = returned;
        self
    }

    const fn unique(mut self) -> Self {
        self.uniqueness = Uniqueness::Server;
        self
    }

    fn values(mut self, values: &[&'static str]) -> Self {
        self.canonical_values = values.iter().map(|v| Cow::Borrowed(*v)).collect();
        self
    }

    fn refers_to(mut self, types: &[&'static str]) -> Self {
        self.reference_types = types.iter().map(|v| Cow::Borrowed(*v)).collect();
        self
    }

    fn of(mut self, sub_attributes: Vec<Self>) -> Self {
        self.sub_attributes = sub_attributes;
        self
    }
}

const fn text(name: &'static str, description: &'static str) -> Attribute {
    Attribute::new(name, AttrType::String, description)
}

const fn complex(name: &'static str, description: &'static str) -> Attribute {
    Attribute::new(name, AttrType::Complex, description)
}

fn reference(name: &'static str, types: &[&'static str], description: &'static str) -> Attribute {
    Attribute::new(name, AttrType::Reference, description).exact().refers_to(types)
}

const fn read_only(attribute: Attribute) -> Attribute {
    attribute.mutability(Mutability::ReadOnly)
}

const fn immutable(attribute: Attribute) -> Attribute {
    attribute.mutability(Mutability::Immutable)
}

/// A multi-valued attribute with the default sub-attributes of RFC 7643 §2.4.
fn plural(
    name: &'static str,
    description: &'static str,
    value: Attribute,
    types: &[&'static str],
) -> Attribute {
    complex(name, description).multi().of(vec![
        value,
        text("display", "A name for people to read."),
        text("type", "What the value is used for.").values(types),
        primary(),
    ])
}

const fn primary() -> Attribute {
    Attribute::new("primary", AttrType::Boolean, "Whether this value is the preferred one.")
}

/// `schemas`, `id`, `externalId` and `meta` (RFC 7643 §3.1).
#[must_use]
pub fn common_attributes() -> Vec<Attribute> {
    let date = |name, description| read_only(Attribute::new(name, AttrType::DateTime, description));
    vec![
        reference("schemas", &["uri"], "The URNs of the schemas that the resource uses.")
            .multi()
            .required()
            .returned(Returned::Always),
        read_only(text("id", "The identifier that the service gave the resource."))
            .exact()
            .unique()
            .returned(Returned::Always),
        text("externalId", "The identifier that the provisioning client gave the resource.")
            .exact(),
        read_only(complex("meta", "What the service says about the resource.")).of(vec![
            read_only(text("resourceType", "The name of the resource type.")).exact(),
            date("created", "When the resource was created."),
            date("lastModified", "When the resource was last changed."),
            read_only(reference("location", &["uri"], "The URI of the resource.")),
            read_only(text("version", "The version of the resource, an entity tag.")).exact(),
        ]),
    ]
}

/// The resource type User with its enterprise extension (RFC 7643 §4.1, §4.3).
#[must_use]
pub fn user() -> ResourceType {
    ResourceType {
        name: "User".into(),
        endpoint: "Users".into(),
        description: "User account".into(),
        schema: user_schema(),
        common: common_attributes(),
        extensions: vec![Extension { schema: enterprise_user_schema(), required: false }],
        enforces_canonical_values: false,
        indexed: indexed_by_default(),
    }
}

/// The resource type Group (RFC 7643 §4.2).
#[must_use]
pub fn group() -> ResourceType {
    ResourceType {
        name: "Group".into(),
        endpoint: "Groups".into(),
        description: "Group of users and groups".into(),
        schema: group_schema(),
        common: common_attributes(),
        extensions: Vec::new(),
        enforces_canonical_values: false,
        indexed: indexed_by_default(),
    }
}

fn user_schema() -> Schema {
    let mut attributes = user_singular();
    attributes.extend(user_plural());
    Schema {
        id: urn::USER.into(),
        name: "User".into(),
        description: "User account".into(),
        attributes,
    }
}

fn user_singular() -> Vec<Attribute> {
    vec![
        text("userName", "The name by which the user signs in.").required().unique(),
        complex("name", "The parts of the user's name.").of(vec![
            text("formatted", "The whole name, as it is displayed."),
            text("familyName", "The family name."),
            text("givenName", "The given name."),
            text("middleName", "The middle names."),
            text("honorificPrefix", "Titles before the name."),
            text("honorificSuffix", "Suffixes after the name."),
        ]),
        text("displayName", "The name that is shown to others."),
        text("nickName", "The casual way to address the user."),
        reference("profileUrl", &["external"], "A page about the user."),
        text("title", "The user's title, such as a position."),
        text("userType", "The relation between the organization and the user."),
        text("preferredLanguage", "The preferred written or spoken language (RFC 7231 §5.3.5)."),
        text("locale", "The location for formats of numbers, dates and currency (RFC 5646)."),
        text("timezone", "The time zone, by its name in the IANA database."),
        Attribute::new("active", AttrType::Boolean, "Whether the user may use the service."),
        text("password", "A new clear-text password; it is never returned.")
            .mutability(Mutability::WriteOnly)
            .returned(Returned::Never)
            .exact(),
    ]
}

fn user_plural() -> Vec<Attribute> {
    let value = || text("value", "The value.");
    let uses = ["work", "home", "other"];
    vec![
        plural("emails", "E-mail addresses.", value(), &uses),
        plural(
            "phoneNumbers",
            "Telephone numbers.",
            value(),
            &["work", "home", "mobile", "fax", "pager", "other"],
        ),
        plural(
            "ims",
            "Addresses for instant messages.",
            value(),
            &["aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"],
        ),
        plural(
            "photos",
            "Pictures of the user.",
            reference("value", &["external"], "The URI of the picture."),
            &["photo", "thumbnail"],
        ),
        complex("addresses", "Postal addresses.").multi().of(vec![
            text("formatted", "The whole address, as it is displayed."),
            text("streetAddress", "Street, house number and the like."),
            text("locality", "City or locality."),
            text("region", "State or region."),
            text("postalCode", "Postal code."),
            text("country", "Country, by its code of ISO 3166-1."),
            text("type", "What the address is used for.").values(&uses),
            primary(),
        ]),
        read_only(complex("groups", "The groups to which the user belongs.")).multi().of(vec![
            read_only(text("value", "The identifier of the group.")).exact(),
            read_only(reference("$ref", &["User", "Group"], "The URI of the group.")),
            read_only(text("display", "The group's name.")),
            read_only(text("type", "How the user belongs to it.")).values(&["direct", "indirect"]),
        ]),
        plural("entitlements", "What the user is entitled to.", value(), &[]),
        plural("roles", "The roles of the user.", value(), &[]),
        plural(
            "x509Certificates",
            "Certificates of the user.",
            Attribute::new("value", AttrType::Binary, "The certificate in DER.").exact(),
            &[],
        ),
    ]
}

fn group_schema() -> Schema {
    let attributes = vec![
        text("displayName", "The name of the group.").required(),
        complex("members", "The members of the group.").multi().of(vec![
            immutable(text("value", "The identifier of the member.")).exact(),
            immutable(reference("$ref", &["User", "Group"], "The URI of the member.")),
            immutable(text("type", "The resource type of the member.")).values(&["User", "Group"]),
            read_only(text("display", "The member's name.")),
        ]),
    ];
    Schema { id: urn::GROUP.into(), name: "Group".into(), description: "Group".into(), attributes }
}

fn enterprise_user_schema() -> Schema {
    let attributes = vec![
        text("employeeNumber", "The number that the organization gave the user."),
        text("costCenter", "The cost center."),
        text("organization", "The organization."),
        text("division", "The division."),
        text("department", "The department."),
        complex("manager", "The user's manager.").of(vec![
            text("value", "The identifier of the manager.").exact(),
            reference("$ref", &["User"], "The URI of the manager."),
            read_only(text("displayName", "The manager's name.")),
        ]),
    ];
    Schema {
        id: urn::ENTERPRISE_USER.into(),
        name: "EnterpriseUser".into(),
        description: "Enterprise user".into(),
        attributes,
    }
}
