//! Wrong protocols, each a mistake that a real bot has made or might: the simulation must catch every one of them, or it
//! proves nothing. They sit in the harness (what stands for the executor, the journal and the wire), never in the daemon.

macro_rules! mutants {
    ($($name:ident => $text:literal, $what:literal;)+) => {
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
        }
    };
}

mutants! {
    // placing
    RetrySameId => "retry_same_id", "an order without an answer is sent again at once under its id";
    RetryNewId => "retry_new_id", "an order without an answer is sent again at once under a new id";
    ResendAnywhere => "resend_anywhere", "every exchange is believed to refuse a used id";
    NoSlack => "no_slack", "\"not found\" is final as soon as the receive window is over";
    NoWindow => "no_window", "the horizon counts the visibility slack only";
    NotFoundIsFinal => "not_found_is_final", "\"not found\" is final at once";
    RejectedOnTimeout => "rejected_on_timeout", "no answer counts as a refusal";
    NotSentOnTimeout => "not_sent_on_timeout", "no answer counts as not sent";
    AcceptedOnThrottle => "accepted_on_throttle", "a throttled order counts as accepted";
    FailedQueryIsNotFound => "failed_query_is_not_found", "a question that failed counts as \"not found\"";
    StampAtSend => "stamp_at_send", "orders are signed with the time they are sent, not decided";
    NoDeadline => "no_deadline", "orders are sent however long ago they were decided, newly stamped";
    BatchSwapped => "batch_swapped", "answers of a batch are matched in the wrong order";
    NotReduceOnly => "not_reduce_only", "exits are sent without reduce-only";
    WholePositionStop => "whole_position_stop", "protective orders cover all that the exchange holds";
    ForgetsLeverage => "forgets_leverage", "a leverage that was reset at the exchange is not set again";
    // durability
    JournalAfterSend => "journal_after_send", "the intent is written after the answer";
    IntentWrittenBehind => "intent_written_behind", "intents are handed to the writer, nobody waits for it";
    TornTurn => "torn_turn", "the state is written apart from the rows of its turn";
    WorkingForgotten => "working_forgotten", "orders under way are kept in memory only";
    BookedForgotten => "booked_forgotten", "which fills are booked is kept in memory only";
    CooldownForgotten => "cooldown_forgotten", "cooldowns do not survive a restart";
    GuardForgotten => "guard_forgotten", "which signals were acted on does not survive a restart";
    PeakForgotten => "peak_forgotten", "trailing peaks do not survive a restart";
    HaltForgotten => "halt_forgotten", "the halt does not survive a restart";
    LegsForgotten => "legs_forgotten", "order numbers begin anew with each restart";
    // fills and ends
    FillsByArrival => "fills_by_arrival", "a fill is known by when it came, not by its trade id";
    NoSweep => "no_sweep", "missed fills are never asked for";
    ResyncIgnored => "resync_ignored", "an interrupted stream is not followed by a comparison";
    NoOverlap => "no_overlap", "a sweep begins where the last one ended";
    EndBeforeFills => "end_before_fills", "an order that ended is done before its last fills are asked for";
    LyingCancel => "lying_cancel", "a refused cancel counts as cancelled with nothing filled";
    LossyChannel => "lossy_channel", "what the stream tells while a call is under way is dropped, the sweep too";
    CumulativeFills => "cumulative_fills", "the filled total is taken for the last fill";
    RoundedFees => "rounded_fees", "fees pass through binary floating point with four digits";
    LiquidationIgnored => "liquidation_ignored", "forced closes are taken for somebody else's trades";
    ExternalClaimed => "external_claimed", "somebody else's fills are taken for the last order's";
    FundingTwice => "funding_twice", "a payment that is told again is another one";
    // reconciliation
    AssumesFlat => "assumes_flat", "a restart acts without asking what the exchange holds";
    TrustsSnapshots => "trusts_snapshots", "answers of different moments are taken for one moment";
    StopIgnored => "stop_ignored", "settings reach the account only with a restart";
    IgnoresThrottle => "ignores_throttle", "requests go on while the address is told to wait";
    CrossedAccounts => "crossed_accounts", "an account hears the fills of another one";
}
