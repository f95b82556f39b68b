//! Wrong protocols, each a mistake that a real bot has made or might: the simulation must catch every one of them, or it
//! proves nothing. They sit in the harness (what stands for the executor, the journal and the wire), never in the daemon.

macro_rules! mutants {
    ($($name:ident => $text:literal, $seed:literal, $what:literal;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Mutant { $($name),+ }

        impl Mutant {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),+];

            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            pub(crate) const fn what(self) -> &'static str {
                match self { $(Self::$name => $what),+ }
            }

            /// A seed that caught it when it was last looked for. Worlds change with decisions: where it does not any
            /// more, another is looked for from 0 on.
            pub(crate) const fn known_seed(self) -> u64 {
                match self { $(Self::$name => $seed),+ }
            }
        }
    };
}

mutants! {
    // placing
    RetrySameId => "retry_same_id", 4, "an order without an answer is sent again at once under its id";
    RetryNewId => "retry_new_id", 4, "an order without an answer is sent again at once under a new id";
    ResendAnywhere => "resend_anywhere", 1, "every exchange is believed to refuse a used id";
    NoSlack => "no_slack", 195, "\"not found\" is final as soon as the receive window is over";
    NoWindow => "no_window", 19, "the horizon counts the visibility slack only";
    NotFoundIsFinal => "not_found_is_final", 1, "\"not found\" is final at once";
    RejectedOnTimeout => "rejected_on_timeout", 1, "no answer counts as a refusal";
    NotSentOnTimeout => "not_sent_on_timeout", 1, "no answer counts as not sent";
    AcceptedOnThrottle => "accepted_on_throttle", 3, "a throttled order counts as accepted";
    FailedQueryIsNotFound => "failed_query_is_not_found", 9, "a question that failed counts as \"not found\"";
    BatchSwapped => "batch_swapped", 1, "answers of a batch are matched in the wrong order";
    NotReduceOnly => "not_reduce_only", 0, "exits are sent without reduce-only";
    WholePositionStop => "whole_position_stop", 4, "protective orders cover all that the exchange holds";
    // durability
    JournalAfterSend => "journal_after_send", 0, "the intent is written after the answer";
    IntentWrittenBehind => "intent_written_behind", 0, "intents are handed to the writer, nobody waits for it";
    TornTurn => "torn_turn", 6, "the state is written apart from the rows of its turn";
    WorkingForgotten => "working_forgotten", 1, "orders under way are kept in memory only";
    BookedForgotten => "booked_forgotten", 1, "which fills are booked is kept in memory only";
    CooldownForgotten => "cooldown_forgotten", 25, "cooldowns do not survive a restart";
    GuardForgotten => "guard_forgotten", 129, "which signals were acted on does not survive a restart";
    PeakForgotten => "peak_forgotten", 320, "trailing peaks do not survive a restart";
    HaltForgotten => "halt_forgotten", 37, "the halt does not survive a restart";
    // fills and ends
    FillsByArrival => "fills_by_arrival", 0, "a fill is known by when it came, not by its trade id";
    NoSweep => "no_sweep", 1, "missed fills are never asked for";
    ResyncIgnored => "resync_ignored", 7135, "what changed while a stream was interrupted is not looked for";
    NoOverlap => "no_overlap", 522, "a sweep begins where the last one ended";
    EndBeforeFills => "end_before_fills", 1, "an order that ended is done before its last fills are asked for";
    LyingCancel => "lying_cancel", 4, "a refused cancel counts as cancelled with nothing filled";
    LossyChannel => "lossy_channel", 1, "what the stream tells while a call is under way is dropped, the sweep too";
    CumulativeFills => "cumulative_fills", 3, "the filled total is taken for the last fill";
    PartIsWhole => "part_is_whole", 1, "a partial fill counts as the whole order";
    RoundedFees => "rounded_fees", 0, "fees pass through binary floating point with four digits";
    LiquidationIgnored => "liquidation_ignored", 9, "forced closes are taken for somebody else's trades";
    ExternalClaimed => "external_claimed", 0, "somebody else's fills are taken for the last order's";
    // reconciliation
    AssumesFlat => "assumes_flat", 3, "a restart acts without asking what the exchange holds";
    TrustsSnapshots => "trusts_snapshots", 0, "answers of different moments are taken for one moment";
    StopIgnored => "stop_ignored", 1, "settings reach the account only with a restart";
    IgnoresThrottle => "ignores_throttle", 1, "requests go on while the address is told to wait";
    CrossedAccounts => "crossed_accounts", 1, "an account hears the fills of another one";
    // grids
    CrossingAccepted => "crossing_accepted", 4, "a line's order that was refused for crossing counts as resting";
    GridForgotten => "grid_forgotten", 6, "what each line of a grid holds does not survive a restart";
}
