//! Every limit of the protocol layer, named, in one place.

/// The limits that one request must keep. [`Limits::default`] holds the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Levels of arrays and objects in a body.
    pub json_depth: usize,
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
    /// Attributes named by `attributes` or `excludedAttributes`.
    pub attributes_named: usize,
    /// Resources on a page when the client asks for more, or for no number.
    pub page_resources: u64,
    /// Resources that a filter without an index may look at.
    pub scan_resources: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            json_depth: 16,
            target_bytes: 16 * 1024,
            filter_bytes: 4096,
            filter_depth: 16,
            filter_terms: 64,
            patch_operations: 1000,
            attributes_named: 64,
            page_resources: 200,
            scan_resources: 20_000,
        }
    }
}
