//! What every store must do, as tests: the promises of [`crate::Store`], one case each.
//!
//! A store's own test crate says, once, how to make an empty store, and gets one test per case:
//!
//! ```text
//! async fn make_store() -> (Arc<dyn Store>, TempDir) { … }
//! posthouse_store::conformance_suite!(make_store);
//! ```
//!
//! The second part of the pair is kept until the case is over. Every case gets a store of its own, with
//! nothing in it. Cases name their times, take their ids from [`build`], and wait for nothing but wakes, so
//! they say the same about a file on this machine and about a database far away.
//!
//! A new case is a function here and a line in the table below.

pub mod accept;
pub mod actions;
pub mod attempts;
pub mod build;
pub mod config;
pub mod endpoints;
pub mod inbound;
pub mod journal;
pub mod maintenance;
pub mod messages;
pub mod order;
pub mod parcels;
pub mod prune_inbound;
pub mod queue;
pub mod remembered;
pub mod settle;
pub mod sources;
pub mod turns;
pub mod turns_model;

/// Makes one test of each case. `$make_store` names an `async fn() -> (Arc<dyn Store>, impl Sized)` that
/// makes an empty store and whatever must outlive it. The calling crate needs `tokio`.
#[macro_export]
macro_rules! conformance_suite {
    ($make_store:path) => {
        $crate::conformance_tests! { $make_store;
            accept::accepted_is_readable_and_claimable
            accept::event_fields_read_back
            accept::accept_of_nothing
            accept::batch_is_all_or_nothing
            accept::duplicate_id_within_one_batch
            accept::duplicate_id_under_concurrency
            accept::idempotency_replays_the_first_answer
            accept::idempotency_refuses_another_request
            accept::idempotency_under_concurrency
            accept::idempotency_is_per_project
            accept::a_session_keeps_its_project
            accept::sessions_within_one_batch
            accept::names_are_per_space
            accept::payload_bytes_are_kept
            accept::a_full_batch_passes

            journal::event_is_found_by_both_ids
            journal::spaces_do_not_see_each_others_journal
            journal::events_are_listed_newest_first
            journal::paging_is_steady_while_events_arrive
            journal::page_edges
            journal::events_after_follows_acceptance
            journal::delivery_filters_alone
            journal::delivery_filters_combined
            journal::events_of_a_project
            journal::deliveries_of_a_project
            journal::pages_are_bounded_by_bytes
            journal::pages_are_bounded_by_rows

            attempts::endpoint_attempts_are_listed_newest_first
            attempts::skipping_attempts_is_dropping_them
            attempts::a_long_skip_arrives
            attempts::endpoint_attempts_are_per_endpoint_and_space
            attempts::endpoint_attempts_outlive_their_endpoint
            attempts::pages_of_attempts_are_bounded_by_bytes
            attempts::pages_of_attempts_are_bounded_by_rows

            messages::messages_read_back
            messages::messages_are_listed_newest_first
            messages::messages_are_per_session_and_space
            messages::pages_of_messages_are_bounded_by_bytes
            messages::a_message_and_its_event_are_one_commit
            messages::a_message_needs_its_session
            messages::votes_read_back
            messages::votes_replace
            messages::a_vote_and_its_event_are_one_commit
            messages::a_stale_vote_writes_nothing
            messages::a_vote_needs_its_message
            messages::one_of_racing_votes_wins
            messages::changes_see_those_before_them
            messages::changes_are_checked_last
            messages::repeated_changes_are_replayed
            messages::deleting_a_session_removes_its_messages

            queue::claim_takes_what_is_due
            queue::claimed_belongs_to_its_claimer
            queue::concurrent_claims_share_the_work
            queue::claim_keeps_to_its_limit
            queue::claim_keeps_to_its_share_per_endpoint
            queue::room_overrides_the_share
            queue::what_was_left_out_comes_with_room
            queue::claims_are_fair
            queue::oldest_due_comes_first
            queue::next_due_says_when_to_look_again
            queue::released_is_due_again
            queue::claims_span_spaces
            queue::live_claims_do_not_expire
            queue::due_wakes
            queue::switching_on_wakes_due
            queue::event_wakes

            order::next_of_a_key_waits
            order::waiting_has_no_time
            order::a_retry_keeps_its_place
            order::nothing_jumps_the_queue
            order::others_overtake
            order::batches_are_ordered
            order::order_holds_over_many

            settle::settling_ends_a_delivery
            settle::a_retry_waits_for_its_time
            settle::settling_without_an_attempt
            settle::settling_many_at_once
            settle::settling_what_was_cancelled_meanwhile
            settle::settling_what_is_gone
            settle::attempts_read_back
            settle::attempts_keep_wire_and_url
            settle::requeue_of_what_has_ended
            settle::requeue_of_what_waits
            settle::requeue_of_what_is_claimed
            settle::requeue_before_a_claim_changes_no_end
            settle::health_reads_back
            settle::settling_switches_an_endpoint_off

            config::tenants_are_made_once
            config::tenants_are_made_once_under_concurrency
            config::keys
            config::counts
            config::projects
            config::sessions
            config::sessions_are_listed
            config::sessions_are_registered_by_events
            config::events_outlive_their_session
            config::event_types

            endpoints::endpoint_settings_read_back
            endpoints::sealed_bytes_are_kept
            endpoints::endpoints_are_listed
            endpoints::endpoint_update_replaces
            endpoints::stale_updates_are_refused
            endpoints::updates_and_health_do_not_disturb_each_other
            endpoints::endpoint_is_switched_on_again
            endpoints::endpoint_delete
            endpoints::orphans_are_cancelled_in_slices
            endpoints::late_work_of_a_deleted_endpoint_is_cancelled

            remembered::answers_are_remembered
            remembered::answers_are_per_project_and_space
            remembered::a_used_key_changes_nothing
            remembered::an_expired_answer_is_replaced
            remembered::a_refused_change_remembers_nothing
            remembered::one_of_racing_changes_is_made
            remembered::a_token_is_used_once
            remembered::a_token_is_used_once_under_concurrency

            maintenance::prune_removes_what_is_old
            maintenance::prune_spares_what_is_pending
            maintenance::prune_goes_on_where_it_ended
            maintenance::prune_keeps_a_tenant_to_its_room
            maintenance::prune_counts_responses
            maintenance::prune_forgets_expired_keys
            maintenance::prune_says_that_more_keys_expired
            maintenance::prune_forgets_answers_and_tokens
            maintenance::prune_says_that_more_answers_or_tokens_expired
            maintenance::housekeeping_of_nothing
            maintenance::closed_store_is_unavailable

            sources::source_settings_read_back
            sources::sources_are_listed
            sources::source_update_replaces
            sources::sources_count_what_they_take_on
            sources::spaces_do_not_see_each_others_sources
            sources::a_deleted_source_is_gone
            sources::agents
            sources::spaces_do_not_see_each_others_agents
            sources::sources_and_agents_are_counted

            inbound::an_arrival_is_readable_and_claimable
            inbound::inbound_fields_read_back
            inbound::content_reads_back
            inbound::own_sessions_are_numbered
            inbound::a_duplicate_writes_nothing
            inbound::of_concurrent_duplicates_one_is_stored
            inbound::a_failed_delivery_gives_up_its_key
            inbound::a_key_is_held_until_its_time
            inbound::keys_are_per_source
            inbound::arrivals_need_their_source
            inbound::numbers_are_never_given_twice
            inbound::an_arrival_wakes
            inbound::inbound_is_listed_newest_first
            inbound::pages_of_inbound_are_bounded_by_rows
            inbound::spaces_do_not_see_each_others_inbound

            turns::a_claim_takes_turns_that_are_due
            turns::a_claimed_turn_belongs_to_its_claimer
            turns::claims_of_turns_are_fair
            turns::concurrent_claimers_share_the_turns
            turns::a_session_has_one_turn_at_a_time
            turns::a_retry_keeps_the_session_waiting
            turns::a_delivery_follows_its_turn
            turns::what_is_not_claimed_does_not_begin
            turns::a_turn_and_what_it_says_are_one_commit
            turns::the_end_of_what_is_gone_is_passed_over
            turns::turns_of_messages_wait_with_the_others
            turns::only_what_is_over_is_run_again
            turns::turns_go_with_their_source
            turns::turns_go_with_their_session
            turns::turns_are_counted

            turns_model::turns_keep_to_their_model

            actions::actions_read_back
            actions::an_action_needs_its_delivery
            actions::an_action_is_decided_once
            actions::actions_have_turns
            actions::approved_actions_fail_with_their_session
            actions::turns_need_their_delivery

            prune_inbound::prune_removes_what_is_old_of_inbound
            prune_inbound::keys_go_with_their_deliveries
            prune_inbound::prune_spares_what_has_a_turn
            prune_inbound::prune_keeps_a_tenant_to_its_room_for_bodies
            prune_inbound::prune_of_inbound_goes_on_where_it_ended
            prune_inbound::prune_removes_what_sources_have_left
            prune_inbound::configurations_stay_as_long_as_they_are_needed
            prune_inbound::prune_removes_old_messages_and_sessions
            prune_inbound::prune_spares_messages_with_a_turn
            prune_inbound::prune_of_nothing
        }
    };
}

/// The working part of [`conformance_suite!`](crate::conformance_suite).
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($make_store:path; $($group:ident::$case:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $case() {
            let (store, _guard) = $make_store().await;
            $crate::conformance::$group::$case(store).await;
        }
    )*};
}
