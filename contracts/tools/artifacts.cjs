// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Copies ABI and creation bytecode of the contracts below from forge's output to crates/chain/artifacts, or compares them (--check).
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const CONTRACTS = [
  "AllocationManager",
  "ChainlinkPrices",
  "DemoFeed",
  "DemoToken",
  "EtherStrategy",
  "FallbackMonitor",
  "OperatorRegistry",
  "RestakingManager",
  "ScoreBoard",
  "ServiceManager",
  "Strategy",
  "WrappedEther",
];

const contracts = path.join(__dirname, "..");
const target = path.join(contracts, "..", "crates", "chain", "artifacts");
const check = process.argv.includes("--check");

function render(name) {
  const artifact = JSON.parse(fs.readFileSync(path.join(contracts, "out", "artifacts", `${name}.sol`, `${name}.json`), "utf8"));
  return JSON.stringify({ abi: artifact.abi, bytecode: artifact.bytecode.object }, null, 1) + "\n";
}

function committed(file) {
  return fs.existsSync(file) ? fs.readFileSync(file, "utf8") : null;
}

const stale = [];
fs.mkdirSync(target, { recursive: true });
for (const name of CONTRACTS) {
  const file = path.join(target, `${name}.json`);
  const text = render(name);
  if (committed(file) === text) continue;
  stale.push(`crates/chain/artifacts/${name}.json`);
  if (!check) fs.writeFileSync(file, text);
}

if (check && stale.length > 0) {
  console.error(`error: artifacts do not match the sources in contracts/src:\n  ${stale.join("\n  ")}\n`);
  console.error("hint: run scripts/build-artifacts and commit what it writes");
  process.exitCode = 1;
} else {
  console.log(stale.length === 0 ? "artifacts match the sources" : `written:\n  ${stale.join("\n  ")}`);
}
