//! How operators agree on results: attest, propose, vote, certify, deliver.
//!
//! Tasks are independent of each other, so this is certification and not consensus: no order is agreed on. An operator that has
//! executed a task *attests* its result to the leader of the slot and the next; the leader *proposes* a batch of results whose
//! common attesters reach the quorum; operators *vote* for a batch when every result in it is their own; the leader sums the votes
//! into a *certificate*; and whoever holds it *delivers* it, the leader first, the others in turn if it does not.
//!
//! | promise | rests on |
//! |---|---|
//! | a certificate needs the quorum of each token | [`quorum`], checked by the leader, by every receiver, and by the contract |
//! | one result per task is signed | a vote is asked for only when the batch holds the operator's own results, which its journal never changes |
//! | one silent leader only delays | attestations go to the next leader too, and again every slot until certified |
//! | one wrong operator cannot stop a batch | refused entries are left out, faulty shares found and their senders shut out for a while, and tasks that find too few votes go behind all others |
//! | a certificate that is not delivered loses nothing | the others step in by turns and pass it on; after a whole round its tasks are agreed on anew |
//!
//! The crate is pure: [`Agreement::step`] takes the time and an [`Input`] and returns [`Effect`]s, which the daemon performs in
//! order. It holds no secret key, opens no socket and reads no clock. Every message from outside is bounded before it is looked at,
//! and every collection here has a stated bound, or is as large as the tasks that are open on the chain.

mod agreement;
mod attestations;
mod delivery;
mod flight;
mod message;
mod pending;
pub mod policy;
mod positions;
mod schedule;

pub use agreement::{Agreement, Effect, Fault, Input, OwnResult, PendingResult, Settings};
pub use message::{MESSAGE_BYTES_MAX, Message, MessageError};
pub use schedule::{Slot, Timestamp};
