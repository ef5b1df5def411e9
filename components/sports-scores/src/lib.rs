//! The final score of an NCAA basketball game, from Sportradar's boxscore.
//!
//! Input: a game id. Output: `{"id","home_team","away_team","home_score","away_score","status"}`, in this order, without white space. It refuses games
//! that are not closed, because operators cannot agree on a score that still moves; config `allow_live = true` lifts that.
//!
//! | config | default |
//! |---|---|
//! | `base_url` | `https://api.sportradar.com` |
//! | `path` | `/ncaamb/trial/v8/en/games/{id}/boxscore.json` |
//! | `allow_live` | `false` |
//!
//! The operator's secret `SPORTRADAR_API_KEY` goes into the query of the request and nowhere else.

mod boxscore;

use boxscore::{Boxscore, Score};
use tandem_sdk::http::{self, HttpError, Response};
use tandem_sdk::{Error, Task, config, secrets};

const BASE_URL: &str = "https://api.sportradar.com";
const PATH: &str = "/ncaamb/trial/v8/en/games/{id}/boxscore.json";
const KEY: &str = "SPORTRADAR_API_KEY";

tandem_sdk::export!(run);

fn run(task: Task) -> Result<Vec<u8>, Error> {
    let id = game_id(task.text()?)?;
    let allow_live = config::parse("allow_live")?.unwrap_or(false);
    let boxscore = read(&fetch(id)?)?;
    let score = Score::of(boxscore, id, allow_live)?;
    serde_json::to_vec(&score).map_err(|_| Error::failed("the score cannot be written as JSON"))
}

/// Game ids are UUIDs. Anything else could lead the request to another path.
fn game_id(text: &str) -> Result<&str, Error> {
    if text.is_empty() {
        return Err(Error::invalid_input("the game id is empty"));
    }
    let is_uuid = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if is_uuid {
        Ok(text)
    } else {
        Err(Error::invalid_input(
            "the game id is malformed: expected a UUID, such as fa15684d-0966-46e7-a3f8-f1d378692109",
        ))
    }
}

fn fetch(id: &str) -> Result<Response, Error> {
    let base = config::get("base_url").unwrap_or_else(|| BASE_URL.to_owned());
    let path = config::get("path").unwrap_or_else(|| PATH.to_owned()).replace("{id}", id);
    let key = secrets::get(KEY)?;
    let key = http::percent_encode(key.expose());
    http::get(&format!("{}{path}?api_key={key}", base.trim_end_matches('/'))).map_err(no_response)
}

fn no_response(error: HttpError) -> Error {
    match error {
        HttpError::Url => Error::failed("config `base_url` or `path` is not a valid URL"),
        HttpError::NotGranted => Error::failed("the host of config `base_url` is not granted"),
        _ => Error::unavailable(format!("Sportradar cannot be reached: {error}")),
    }
}

fn read(response: &Response) -> Result<Boxscore, Error> {
    match response.status {
        200 => response
            .json()
            .map_err(|error| Error::unavailable(format!("the boxscore is not the expected JSON: {error}"))),
        401 | 403 => Err(Error::unavailable(format!("Sportradar refuses the API key (HTTP {})", response.status))),
        404 => Err(Error::invalid_input("Sportradar knows no game with this id (HTTP 404)")),
        429 => Err(Error::unavailable("Sportradar's rate limit is reached (HTTP 429)")),
        status => Err(Error::unavailable(format!("Sportradar answered with HTTP {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uuids_are_game_ids() {
        assert!(game_id("fa15684d-0966-46e7-a3f8-f1d378692109").is_ok());
        assert!(game_id("FA15684D-0966-46E7-A3F8-F1D378692109").is_ok());
        for text in [
            "",
            " ",
            "fa15684d",
            "fa15684d-0966-46e7-a3f8-f1d37869210",
            "fa15684d-0966-46e7-a3f8-f1d3786921090",
            "fa15684d-0966-46e7-a3f8-f1d37869210g",
            "../../../../../../../../../secret.js",
            "fa15684d-0966-46e7-a3f8-f1d378692109/..",
            "fa15684d-0966-46e7-a3f8-f1d37869210?",
        ] {
            assert!(game_id(text).is_err(), "{text}");
        }
    }

    #[test]
    fn statuses_are_told_apart() {
        let message = |status| {
            let Err(error) = read(&Response { status, body: Vec::new() }) else { panic!("{status} is no boxscore") };
            error.to_string()
        };
        let messages = [401, 404, 429, 500].map(message);
        for (at, text) in messages.iter().enumerate() {
            assert!(!messages[at + 1..].contains(text), "{text}");
        }
    }
}
