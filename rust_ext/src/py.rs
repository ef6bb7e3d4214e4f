//! The edge: what Python sees. Parts come in and outcomes go out in batches, and every wait is
//! without the interpreter's lock.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::client;
use crate::error::Reason;
use crate::part::{Outcome, Part, Source};
use crate::session::{Limits, Session};

/// The longest wait; about a century, so that infinity is one too.
const FOREVER: Duration = Duration::from_secs(1 << 31);

/// A `Part` of `mailvault/models.py`.
#[derive(FromPyObject)]
pub(crate) struct PyPart {
    number: i64,
    key: String,
    content: PyContent,
    content_type: String,
    disposition: Option<String>,
    metadata: Vec<(String, String)>,
}

#[derive(FromPyObject)]
enum PyContent {
    #[pyo3(transparent)]
    Memory(PyBackedBytes),
    File {
        root: String,
        path: String,
    },
}

impl From<PyPart> for Part {
    fn from(part: PyPart) -> Self {
        Self {
            number: part.number,
            key: part.key,
            source: match part.content {
                PyContent::Memory(bytes) => Source::Memory(Bytes::from_owner(bytes)),
                PyContent::File { root, path } => Source::File { root, path },
            },
            content_type: part.content_type,
            disposition: part.disposition,
            metadata: part.metadata,
        }
    }
}

/// Number, key, size, digest, etag, created, reason, message.
type PyOutcome = (
    i64,
    String,
    u64,
    Py<PyBytes>,
    Option<String>,
    bool,
    Option<&'static str>,
    String,
);

fn to_python(py: Python<'_>, outcome: Outcome) -> PyOutcome {
    let bytes = |bytes: &[u8]| PyBytes::new(py, bytes).unbind();
    match outcome.result {
        Ok(stored) => (
            outcome.number,
            stored.key,
            stored.size,
            bytes(stored.digest.as_bytes()),
            stored.etag,
            stored.created,
            None,
            String::new(),
        ),
        Err(error) => (
            outcome.number,
            String::new(),
            0,
            bytes(&[]),
            None,
            false,
            Some(error.reason().word()),
            error.message().to_owned(),
        ),
    }
}

/// Stores parts concurrently; `mailvault/_rust.pyi` describes it.
#[pyclass(frozen, module = "mailvault._rust")]
pub(crate) struct Uploader {
    session: Session,
}

#[pymethods]
impl Uploader {
    #[new]
    #[pyo3(signature = (store, *, concurrency, max_bytes, part_size, slices))]
    fn new(
        store: &Bound<'_, PyAny>,
        concurrency: usize,
        max_bytes: u64,
        part_size: u64,
        slices: usize,
    ) -> PyResult<Self> {
        if concurrency == 0 || part_size == 0 || slices == 0 {
            return Err(PyValueError::new_err(
                "concurrency, part_size and slices must be positive",
            ));
        }
        let limits = Limits {
            concurrency,
            max_bytes,
            part_size,
            slices,
        };
        let session = Session::open(Arc::new(client::open(store)?), &limits)?;
        Ok(Self { session })
    }

    fn submit(&self, py: Python<'_>, parts: Vec<PyPart>) -> PyResult<()> {
        let accepted = py.detach(|| {
            let parts = parts.into_iter().map(Part::from).collect();
            self.session.submit(parts)
        });
        if accepted {
            return Ok(());
        }
        Err(PyRuntimeError::new_err("the uploader is closed"))
    }

    fn completed(&self, py: Python<'_>, timeout: f64) -> Vec<PyOutcome> {
        let timeout = Duration::try_from_secs_f64(timeout.max(0.0))
            .unwrap_or(FOREVER)
            .min(FOREVER);
        let outcomes = py.detach(|| self.session.completed(timeout));
        outcomes
            .into_iter()
            .map(|outcome| to_python(py, outcome))
            .collect()
    }

    #[pyo3(signature = (*, abort = false))]
    fn close(&self, py: Python<'_>, abort: bool) {
        py.detach(|| self.session.close(abort));
    }
}

/// Every reason that an outcome may have, whether another attempt can help, and whether the
/// fault is the system's.
#[pyfunction]
pub(crate) fn reasons() -> Vec<(&'static str, bool, bool)> {
    let row = |reason: &Reason| (reason.word(), reason.retryable(), reason.systemic());
    Reason::ALL.iter().map(row).collect()
}
