// HTTP requests to the hosts that tandem.toml lists. Redirects are not followed. Nothing that this module reports carries the URL, which may hold a key.
//
//   const prices = (await http.get('https://api.example.com/prices')).ok().json();

import { failed, unavailable } from './index.js';

/** Statuses that may pass by themselves, a key that the server refuses among them, for the operator can mend that. */
const PASSING = new Set([401, 403, 408, 425, 429]);

/** A response, whatever its status. */
export class Response {
  constructor(status, body) {
    this.status = status;
    /** The body, as bytes. */
    this.body = body;
  }

  /** This response, if its status is 200 to 299; else an error of kind `unavailable` or `failed`. */
  ok() {
    if (this.status >= 200 && this.status <= 299) return this;
    const error = PASSING.has(this.status) || this.status >= 500 ? unavailable : failed;
    throw error(`the server answered with HTTP ${this.status}`);
  }

  /** The body as text. */
  text() {
    return new TextDecoder().decode(this.body);
  }

  /** The body as JSON; an error of kind `unavailable` when it is none. */
  json() {
    try {
      return JSON.parse(this.text());
    } catch {
      throw unavailable('the response is not JSON');
    }
  }
}

/** Asks for `url` and reads the whole response. The status is not looked at: see `Response.ok`. */
export const get = (url, { headers = {} } = {}) => send(url, { method: 'GET', headers });

/** Sends `body`, text or bytes, to `url`. Every operator sends it: the server gets it once from each. */
export const post = (url, body, { headers = {} } = {}) => send(url, { method: 'POST', headers, body });

async function send(url, options) {
  // Compressed bodies would cost fuel, and servers compress differently from one moment to the next.
  const headers = { 'accept-encoding': 'identity', 'user-agent': 'tandem', ...options.headers };
  let response;
  try {
    response = await fetch(url, { ...options, headers, redirect: 'manual' });
    return new Response(response.status, new Uint8Array(await response.arrayBuffer()));
  } catch {
    // What was refused or met a limit is in the host's own words, which count.
    throw unavailable(response ? 'the response broke off' : 'the server cannot be reached');
  }
}
