//! Every limit of the protocol layer, named, in one place.

/// The limits that one request must keep. [`Limits::default`] holds the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Levels of arrays and objects in a body.
    pub json_depth: usize,
    /// Bytes of a text in a body.
    pub string_bytes: usize,
    /// Elements of an array in a body.
    pub array_items: usize,
    /// Bytes of a path with its query.
    pub target_bytes: usize,
    /// Bytes of a filter.
    pub filter_bytes: usize,
    /// Levels of parentheses, brackets and `not` in a filter.
    pub filter_depth: usize,
    /// Comparisons in a filter.
    pub filter_terms: usize,
    /// Operations in a PATCH message.
    pub patch_operations: usize,
    /// Operations in a Bulk message.
    pub bulk_operations: usize,
    /// Bytes of a Bulk message.
    pub bulk_bytes: usize,
    /// Attributes named by `attributes` or `excludedAttributes`.
    pub attributes_named: usize,
    /// Resources on a page when the client asks for more, or for no number.
    pub page_resources: u64,
    /// Resources that a filter without an index may look at.
    pub scan_resources: u64,
    /// Members of groups in one answer.
    pub members_shown: u64,
    /// Seconds for which a cursor can be used (RFC 9865 §4).
    pub cursor_seconds: u64,
}

/// Levels that a Bulk message puts around the body of one operation: the message, `Operations`, the
/// operation.
const BULK_LEVELS: usize = 3;

impl Limits {
    /// The limits for reading a Bulk message: what an operation may hold is what the same request
    /// may hold alone.
    #[must_use]
    pub const fn of_bulk(self) -> Self {
        let json_depth = self.json_depth.saturating_add(BULK_LEVELS);
        Self { body_bytes: self.bulk_bytes, json_depth, ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            json_depth: 16,
            string_bytes: 256 * 1024,
            array_items: 20_000,
            target_bytes: 16 * 1024,
            filter_bytes: 4096,
            filter_depth: 16,
            filter_terms: 64,
            patch_operations: 1000,
            bulk_operations: 1000,
            bulk_bytes: 1024 * 1024,
            attributes_named: 64,
            page_resources: 200,
            scan_resources: 20_000,
            members_shown: 100_000,
            cursor_seconds: 3600,
        }
    }
}
