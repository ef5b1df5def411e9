//! A server of boxscores in Sportradar's shape, for the demo and the tests. It knows a handful of games, each for one thing that can happen, and asks
//! for an API key as Sportradar does. It is no model of Sportradar beyond that.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A game that is over: Boise State Broncos 69, Nebraska Cornhuskers 79.
pub const CLOSED: &str = "fa15684d-0966-46e7-a3f8-f1d378692109";
/// A game that is being played.
pub const LIVE: &str = "00000000-0000-4000-8000-000000000001";
/// A game that has not begun, without points.
pub const SCHEDULED: &str = "00000000-0000-4000-8000-000000000002";
/// A game whose boxscore is cut off in the middle.
pub const MALFORMED: &str = "00000000-0000-4000-8000-000000000003";
/// A game for which the rate limit is always reached.
pub const LIMITED: &str = "00000000-0000-4000-8000-000000000004";
/// A game at which the server fails.
pub const FAILING: &str = "00000000-0000-4000-8000-000000000005";
/// A game whose boxscore is that of another.
pub const MISTAKEN: &str = "00000000-0000-4000-8000-000000000006";

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct Boxscores {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Boxscores {
    /// Serves on a free port of 127.0.0.1, to who knows `api_key`.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(api_key: impl Into<String>) -> std::io::Result<Self> {
        Self::serve(TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?, api_key)
    }

    /// Serves on a free port of 127.0.0.1, the truth to who knows `api_key`, and another score to who knows `misled_key`.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start_misleading(api_key: impl Into<String>, misled_key: impl Into<String>) -> std::io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        Self::run(listener, Keys { true_key: api_key.into(), misled_key: Some(misled_key.into()) })
    }

    /// Serves on `listener`, to who knows `api_key`.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn serve(listener: TcpListener, api_key: impl Into<String>) -> std::io::Result<Self> {
        Self::run(listener, Keys { true_key: api_key.into(), misled_key: None })
    }

    fn run(listener: TcpListener, keys: Keys) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let router = router(keys);
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the boxscore server stopped");
            }
        });
        Ok(Self { address, task })
    }

    /// `host:port`, as allow-lists want it.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Boxscores {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Who is served, and who is told another score.
struct Keys {
    true_key: String,
    misled_key: Option<String>,
}

fn router(keys: Keys) -> Router {
    Router::new().route("/ncaamb/trial/v8/en/games/{id}/boxscore.json", get(boxscore)).with_state(Arc::new(keys))
}

async fn boxscore(State(keys): State<Arc<Keys>>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let has_key = |key: &str| {
        url::form_urlencoded::parse(query.as_bytes()).any(|(name, value)| name == "api_key" && *value == *key)
    };
    if keys.misled_key.as_deref().is_some_and(has_key) {
        return as_json(&game(&id, "closed", [Some(96), Some(79)]));
    }
    if !has_key(&keys.true_key) {
        return (StatusCode::UNAUTHORIZED, "Authentication Error").into_response();
    }
    match id.to_ascii_lowercase().as_str() {
        CLOSED => as_json(&game(CLOSED, "closed", [Some(69), Some(79)])),
        LIVE => as_json(&game(LIVE, "inprogress", [Some(41), Some(38)])),
        SCHEDULED => as_json(&game(SCHEDULED, "scheduled", [None, None])),
        MALFORMED => as_text(r#"{"id":"00000000-0000-4000-8000-000000000003","status":"clo"#.to_owned()),
        MISTAKEN => as_json(&game(CLOSED, "closed", [Some(69), Some(79)])),
        LIMITED => StatusCode::TOO_MANY_REQUESTS.into_response(),
        FAILING => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => (StatusCode::NOT_FOUND, "Not Found").into_response(),
    }
}

fn as_json(game: &Value) -> Response {
    as_text(game.to_string())
}

fn as_text(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A boxscore with more in it than the component reads, as the real ones have.
fn game(id: &str, status: &str, [home, away]: [Option<u32>; 2]) -> Value {
    json!({
        "id": id,
        "status": status,
        "coverage": "full",
        "scheduled": "2022-11-15T00:00:00+00:00",
        "neutral_site": false,
        "conference_game": false,
        "attendance": 8431,
        "venue": { "name": "ExtraMile Arena", "city": "Boise", "state": "ID", "capacity": 12644 },
        "home": team("Boise State", "Broncos", "BSU", home),
        "away": team("Nebraska", "Cornhuskers", "NEB", away),
    })
}

fn team(market: &str, name: &str, alias: &str, points: Option<u32>) -> Value {
    let mut team = json!({ "name": name, "alias": alias, "market": market, "rank": null, "scoring": [] });
    if let (Some(points), Some(fields)) = (points, team.as_object_mut()) {
        fields.insert("points".to_owned(), points.into());
    }
    team
}
