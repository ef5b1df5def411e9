//! The endpoints that EigenLayer's AVS node specification asks of a node, version 0.0.1: who it is, how it does, and the parts that it is made of.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json_, json};

use super::Api;
use crate::clock;

const SPEC_VERSION: &str = "v0.0.1";

/// How a part does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Up,
    Initializing,
    Down,
}

impl Standing {
    fn word(self) -> &'static str {
        match self {
            Self::Up => "Up",
            Self::Initializing => "Initializing",
            Self::Down => "Down",
        }
    }

    fn code(self) -> StatusCode {
        match self {
            Self::Up => StatusCode::OK,
            Self::Initializing => StatusCode::PARTIAL_CONTENT,
            Self::Down => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A part of the node.
struct Part {
    id: &'static str,
    description: &'static str,
    standing: Standing,
}

pub(super) async fn node() -> Json<Json_> {
    Json(
        json!({ "node_name": "tandem", "spec_version": SPEC_VERSION, "node_version": concat!("v", env!("CARGO_PKG_VERSION")) }),
    )
}

pub(super) async fn health(State(api): State<Api>) -> StatusCode {
    overall(&parts(&api).await).code()
}

pub(super) async fn services(State(api): State<Api>) -> Json<Json_> {
    let parts = parts(&api).await.into_iter().map(|Part { id, description, standing }| {
        json!({ "id": id, "name": id, "description": description, "status": standing.word() })
    });
    Json(json!({ "services": parts.collect::<Vec<_>>() }))
}

pub(super) async fn service_health(State(api): State<Api>, Path(id): Path<String>) -> Response {
    match parts(&api).await.into_iter().find(|part| part.id == id) {
        Some(part) => part.standing.code().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The worst of its parts, but that a node which has begun partly is one that is partly healthy.
fn overall(parts: &[Part]) -> Standing {
    let has = |standing| parts.iter().any(|part| part.standing == standing);
    if has(Standing::Down) {
        Standing::Down
    } else if has(Standing::Initializing) {
        Standing::Initializing
    } else {
        Standing::Up
    }
}

async fn parts(api: &Api) -> Vec<Part> {
    let journal = if api.journal.floor().await.is_ok() { Standing::Up } else { Standing::Down };
    let status = &api.status;
    let others = api.transport.stats().peers;
    let reachable = others.iter().any(|peer| peer.connected || peer.accepted) || others.is_empty();
    let or_begins = |is_up: bool| if is_up { Standing::Up } else { Standing::Initializing };
    let chain = match (status.is_reading(clock::now()), status.is_behind()) {
        (false, _) => Standing::Down,
        (true, behind) => or_begins(!behind),
    };
    vec![
        Part { id: "journal", description: "what this operator must still know after a crash", standing: journal },
        Part { id: "chain", description: "reads the service's chain", standing: chain },
        Part {
            id: "table",
            description: "this operator is in the service's operator table",
            standing: or_begins(status.is_in_table()),
        },
        Part {
            id: "components",
            description: "the workflows' components are there and can run",
            standing: or_begins(status.has_components()),
        },
        Part { id: "peers", description: "connections to the other operators", standing: or_begins(reachable) },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_is_as_healthy_as_its_worst_part() {
        let of = |standings: &[Standing]| {
            let part = |standing: &Standing| Part { id: "x", description: "", standing: *standing };
            overall(&standings.iter().map(part).collect::<Vec<_>>()).code().as_u16()
        };
        assert_eq!(of(&[Standing::Up, Standing::Up]), 200);
        assert_eq!(of(&[Standing::Up, Standing::Initializing]), 206);
        assert_eq!(of(&[Standing::Initializing, Standing::Down]), 503);
    }
}
