//! A chain with many logs, and alloy's own way to it.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use alloy::providers::RootProvider;
use alloy::rpc::client::RpcClient;
use alloy::rpc::json_rpc::{RequestPacket, ResponsePacket};
use alloy::transports::{TransportError, TransportErrorKind};
use serde_json::json;
use tandem_chain::{Anvil, Mining};
use tandem_types::{Address, B256, U256};
use tower_service::Service;
use url::Url;

/// The contract that emits logs.
pub(crate) const EMITTER: Address = Address::repeat_byte(0xe1);
/// It emits as many logs as its call data says, each with a topic and 256 bytes of data.
const EMITTER_CODE: &str = "0x5f355b8015601557806101005fa1600190036002565b00";

/// Starts Anvil, and has it mine `blocks` blocks with `logs` logs each.
pub(crate) async fn with_logs(blocks: u64, logs: u64) -> Anvil {
    let binary = Anvil::find(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("run scripts/setup-foundry for anvil");
    let anvil = Anvil::start(&binary, Mining::Manual).await.expect("anvil starts");
    anvil.control("anvil_setCode", json!([EMITTER, EMITTER_CODE])).await.expect("anvil obeys");
    let (from, data) = (anvil.accounts()[0].address(), B256::from(U256::from(logs)));
    let call = json!([{ "from": from, "to": EMITTER, "data": data, "gas": "0xf42400" }]);
    for _ in 0..blocks {
        anvil.control("eth_sendTransaction", call.clone()).await.expect("anvil takes it");
        anvil.mine(1).await.expect("anvil mines");
    }
    anvil
}

/// alloy over HTTP, with nothing between.
pub(crate) fn plain(url: &Url) -> RootProvider {
    let http = reqwest::Client::builder().no_proxy().build().expect("the client builds");
    RootProvider::new(RpcClient::new(Plain { http, url: url.clone() }, true))
}

#[derive(Clone)]
struct Plain {
    http: reqwest::Client,
    url: Url,
}

impl Service<RequestPacket> for Plain {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<ResponsePacket, TransportError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let Self { http, url } = self.clone();
        Box::pin(async move {
            let body = serde_json::to_vec(&packet).map_err(TransportErrorKind::custom)?;
            let post = http.post(url).header("content-type", "application/json").body(body);
            let answer = post.send().await.map_err(TransportErrorKind::custom)?;
            let answer = answer.bytes().await.map_err(TransportErrorKind::custom)?;
            serde_json::from_slice(&answer).map_err(TransportErrorKind::custom)
        })
    }
}
