//! Operators, as callers reach them: any of them will do, so the next is asked when one does not answer.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde_json::Value as Json;
use tandem_types::{SignedFiring, TaskId};
use url::Url;

use super::code;
use crate::Failure;

/// For one request to one operator.
const PATIENCE: Duration = Duration::from_secs(15);

/// The operators that may be asked.
pub(super) struct Operators<'a> {
    urls: &'a [Url],
    http: reqwest::Client,
    /// The one that answered last.
    current: usize,
}

impl<'a> Operators<'a> {
    pub(super) fn new(urls: &'a [Url]) -> Result<Self, Failure> {
        let http = reqwest::Client::builder().timeout(PATIENCE).build().context("cannot speak HTTP")?;
        Ok(Self { urls, http, current: 0 })
    }

    /// Sends what was signed to the first that answers.
    pub(super) async fn send(&mut self, signed: &SignedFiring) -> Result<Json, Failure> {
        let body = serde_json::to_vec(signed).context("what was signed is no JSON")?;
        self.each(async |http, operator| {
            let request = http.post(operator.join("v1/firings")?).header("content-type", "application/json");
            Ok(request.body(body.clone()).send().await?)
        })
        .await
    }

    /// What became of a task, as the one that answered says, or else another.
    pub(super) async fn ask(&mut self, task: TaskId) -> Result<Json, Failure> {
        self.each(async |http, operator| Ok(http.get(operator.join(&format!("v1/tasks/{task}"))?).send().await?)).await
    }

    async fn each(
        &mut self,
        request: impl AsyncFn(&reqwest::Client, &Url) -> anyhow::Result<reqwest::Response>,
    ) -> Result<Json, Failure> {
        let mut last = None;
        for step in 0..self.urls.len() {
            let at = (self.current + step) % self.urls.len();
            let operator = &self.urls[at];
            let answer = match request(&self.http, operator).await {
                Ok(answer) => answer,
                Err(error) => {
                    last = Some(error.context(format!("{} does not answer", shown(operator))));
                    continue;
                }
            };
            match read(operator, answer).await {
                // Another may have it, or may serve.
                Err(failure) if failure.code == 1 => last = Some(failure.error),
                other => {
                    self.current = at;
                    return other;
                }
            }
        }
        let error = last.unwrap_or_else(|| anyhow!("no operator is named"));
        Err(Failure::new(1, error).hint("give --at with another operator: any will do, and nothing is run twice"))
    }
}

async fn read(operator: &Url, answer: reqwest::Response) -> Result<Json, Failure> {
    let status = answer.status();
    let text = answer.text().await.with_context(|| format!("{} broke off", shown(operator)))?;
    let page: Json = serde_json::from_str(&text)
        .with_context(|| format!("{} answers {status}, and not like an operator", shown(operator)))?;
    if status.is_success() {
        return Ok(page);
    }
    let words = page["error"].as_str().unwrap_or("no reason given");
    let error = anyhow!("{} answers {status}: {words}", shown(operator));
    let is_of_the_operator = status.is_server_error() || matches!(status.as_u16(), 404 | 408 | 429);
    Err(Failure::new(if is_of_the_operator { 1 } else { code::REFUSED }, error))
}

/// Without user name, path and query, which may be nobody's business.
fn shown(operator: &Url) -> String {
    operator.host_str().map_or_else(
        || "the operator".to_owned(),
        |host| match operator.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        },
    )
}
