//! How operators agree on results: attest, propose, vote, certify, deliver; and how they stop a result that is not theirs.
//!
//! Tasks are independent of each other, so this is certification and not consensus: no order is agreed on. An operator that has
//! executed a task *attests* its result to the leader of the slot and the next; the leader *proposes* a batch of results whose
//! common attesters are enough for the service's [`policy`]; operators *vote* for a batch when every result in it is their own; the
//! leader sums the votes into a *certificate*; and whoever holds it *delivers* it, the leader first, the others in turn if it does not.
//!
//! Under a policy with vetoes the chain may keep a certified result *pending* for a while. Operators with another result *veto* it: their
//! shares go to the leader of the slot and the next, every slot anew, and whoever has enough of the external token together submits the
//! veto. Operators with the same result go on attesting it, and *wave it through* once so many approve that too few are left to veto.
//! What is neither stopped nor waved through they have the chain *finalize*, by turns.
//!
//! | promise | rests on |
//! |---|---|
//! | a certificate satisfies the policy and what its tasks require | [`policy`], judged by the leader, by every receiver, and by the contract |
//! | one result per task is signed | a vote is asked for only when the batch holds the operator's own results, which its journal never changes |
//! | nobody vetoes what it voted for | votes are for the operator's own result, vetoes against any other, and both are in the journal before they are signed |
//! | one silent leader only delays | attestations and vetoes go to the next leader too, and again every slot |
//! | one wrong operator cannot stop a batch or a veto | refused entries are left out, faulty shares found and their senders shut out for a while, and tasks that find too few votes go behind all others |
//! | nobody is blamed for prices | who sees other prices or another fallback flag ignores a certificate that some of them allow; only one that none allow is a fault |
//! | a certificate that is not delivered loses nothing | the others step in by turns and pass it on; after a whole round its tasks are agreed on anew |
//!
//! The crate is pure: [`Agreement::step`] takes the time and an [`Input`] and returns [`Effect`]s, which the daemon performs in
//! order. It holds no secret key, opens no socket and reads no clock. Every message from outside is bounded before it is looked at,
//! and every collection here has a stated bound, or is as large as the tasks that are open or pending on the chain.

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
