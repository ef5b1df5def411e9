//! Every seed that ever found a bug, by the name of the bug.
