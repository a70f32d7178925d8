//! The account of one trial: what was promised, what became of it, what was done twice, and in which order.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

use super::AGENTS;
use super::runner::Run;
use super::sender::{Ledger, Sent};
use crate::kill::{Kill, Outcome, Totals};
use crate::source::{Delivery, Message, Status};
use crate::stats;

const USER: &str = "user";
const ASSISTANT: &str = "assistant";

/// What is found after the restart, once no agent has anything to do.
#[derive(Default)]
pub(super) struct Found {
    deliveries: Vec<Listed>,
    ids: HashSet<String>,
    /// What was said in each session about deliveries of the trial, oldest first.
    pub(super) said: HashMap<String, Vec<Message>>,
    /// What the agent that is ours was asked, by number.
    pub(super) runs: HashMap<usize, Vec<Run>>,
}

/// A delivery of the trial.
struct Listed {
    number: usize,
    /// The agent that is ours works on it.
    asked: bool,
    delivery: Delivery,
}

impl Found {
    pub(super) fn add(&mut self, number: usize, asked: bool, delivery: Delivery) {
        self.ids.insert(delivery.id.clone());
        self.deliveries.push(Listed { number, asked, delivery });
    }

    /// The sessions that its deliveries belong to.
    pub(super) fn sessions(&self) -> HashSet<String> {
        self.deliveries.iter().filter_map(|listed| listed.delivery.session_id.clone()).collect()
    }

    pub(super) fn is_about_ours(&self, message: &Message) -> bool {
        message.delivery_id.as_ref().is_some_and(|id| self.ids.contains(id))
    }

    fn by_number(&self) -> HashMap<usize, Vec<&Delivery>> {
        let mut all: HashMap<usize, Vec<&Delivery>> = HashMap::new();
        for listed in &self.deliveries {
            all.entry(listed.number).or_default().push(&listed.delivery);
        }
        all
    }
}

/// What came of a trial.
#[derive(Debug, Default)]
pub(in crate::kill) struct Account {
    pub(super) accepted: usize,
    pub(super) completed: usize,
    pub(super) failed_as_meant: usize,
    pub(super) repeated_runs: usize,
    pub(super) repeat_age_max: Duration,
    pub(super) cut: usize,
    pub(super) cut_stored: usize,
    pub(super) resent: usize,
    /// What must not be, each in words, by kind.
    pub(super) broken: Vec<(Promise, String)>,
    pub(super) killed_after: Duration,
    pub(super) ready_after: Duration,
    pub(super) drained_after: Duration,
}

/// What is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    /// What was acknowledged is listed.
    Kept,
    /// It ends, well or with a reason.
    Ended,
    /// A key is stored once.
    Once,
    /// Only what was in flight is run again.
    RunOnce,
    /// Its message is in its session once, and the answer to it.
    Said,
    /// Messages are in the order of receipt.
    Order,
}

impl Account {
    /// Compares the promises with what is found. `refused` says which deliveries our agent does not want.
    pub(super) fn close(ledger: &Ledger, found: &Found, kill: Kill, refused: impl Fn(usize) -> bool) -> Self {
        let mut account = Self {
            accepted: ledger.sent.iter().filter(|sent| sent.promised.is_some()).count(),
            cut: ledger.cut,
            cut_stored: ledger.cut_stored,
            resent: ledger.repeated,
            ..Self::default()
        };
        for number in &ledger.forgotten {
            account.breaks(Promise::Once, format!("{number} was taken on twice, or is not known any more"));
        }
        let by_number = found.by_number();
        account.check_kept(ledger, &by_number);
        for listed in &found.deliveries {
            account.check_end(listed, refused(listed.number));
        }
        account.check_runs(found, &by_number, kill);
        account.check_said(found);
        account.check_order(ledger, found);
        account
    }

    fn breaks(&mut self, promise: Promise, how: String) {
        self.broken.push((promise, how));
    }

    fn count(&self, promise: Promise) -> usize {
        self.broken.iter().filter(|(broken, _)| *broken == promise).count()
    }

    fn check_kept(&mut self, ledger: &Ledger, by_number: &HashMap<usize, Vec<&Delivery>>) {
        for Sent { number, promised, .. } in &ledger.sent {
            let listed = by_number.get(number).map_or(&[][..], Vec::as_slice);
            if let Some(promised) = promised
                && !listed.iter().any(|delivery| delivery.number == *promised)
            {
                self.breaks(Promise::Kept, format!("{number}, acknowledged as {promised}, is not listed"));
            }
            // One that failed does not keep the next one out.
            let held = listed.iter().filter(|delivery| delivery.status != Status::Failed).count();
            if held > 1 {
                self.breaks(Promise::Once, format!("{number} is stored {held} times"));
            }
        }
    }

    fn check_end(&mut self, listed: &Listed, refused: bool) {
        let Listed { number, asked, delivery } = listed;
        match (delivery.status, &delivery.error) {
            (Status::Completed, _) => self.completed += 1,
            (Status::Failed, Some(_)) if *asked && refused => self.failed_as_meant += 1,
            (status, error) => {
                self.breaks(Promise::Ended, format!("{number} is {status:?} ({error:?})"));
            }
        }
    }

    /// A run counts as repeated when nothing but the kill explains that there is another one.
    fn check_runs(&mut self, found: &Found, by_number: &HashMap<usize, Vec<&Delivery>>, kill: Kill) {
        let nothing = Vec::new();
        for Listed { number, asked, delivery } in &found.deliveries {
            if by_number[number].len() > 1 {
                continue;
            }
            let runs = found.runs.get(number).unwrap_or(&nothing);
            let answered = |status| runs.iter().filter(|run| run.status == status).count();
            let put_off = answered(StatusCode::SERVICE_UNAVAILABLE);
            let again = delivery.runs.saturating_sub(1 + put_off);
            self.repeated_runs += again;
            if again > 1 {
                self.breaks(Promise::RunOnce, format!("{number} was begun {} times", delivery.runs));
            }
            if *asked && delivery.status == Status::Completed && answered(StatusCode::OK) == 0 {
                self.breaks(Promise::Ended, format!("{number} is completed, and no agent was asked"));
            }
            self.check_repeats(*number, runs, kill);
        }
        if self.repeated_runs > AGENTS {
            let repeated = self.repeated_runs;
            self.breaks(Promise::RunOnce, format!("{repeated} runs repeated, {AGENTS} agents"));
        }
    }

    fn check_repeats(&mut self, number: usize, runs: &[Run], kill: Kill) {
        for pair in runs.windows(2) {
            let [before, now] = pair else { continue };
            if before.status == StatusCode::SERVICE_UNAVAILABLE {
                continue;
            }
            // One without an answer was in flight for as long as its gateway lived.
            let ended_ns = before.answered_ns.unwrap_or(kill.sent_ns.max(before.began_ns));
            match kill.age(ended_ns, now.began_ns) {
                Some(age) => self.repeat_age_max = self.repeat_age_max.max(age),
                None => self.breaks(Promise::RunOnce, format!("{number} was run again: {before:?} {now:?}")),
            }
        }
    }

    fn check_said(&mut self, found: &Found) {
        let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
        for message in found.said.values().flatten() {
            let about = message.delivery_id.as_deref().unwrap_or_default();
            *counts.entry((about, message.role.as_str())).or_default() += 1;
        }
        let count = |id: &str, role: &str| counts.get(&(id, role)).copied().unwrap_or_default();
        for Listed { number, delivery, .. } in &found.deliveries {
            let (told, answered) = (count(&delivery.id, USER), count(&delivery.id, ASSISTANT));
            let wanted = usize::from(delivery.status == Status::Completed);
            if (told, answered) != (1, wanted) {
                let status = delivery.status;
                self.breaks(
                    Promise::Said,
                    format!("{number}, {status:?}: told {told} times, answered {answered} times"),
                );
            }
        }
    }

    /// What was answered before something else of its session was sent comes before it, and an answer comes behind
    /// its message.
    fn check_order(&mut self, ledger: &Ledger, found: &Found) {
        let sent: HashMap<usize, &Sent> = ledger.sent.iter().map(|sent| (sent.number, sent)).collect();
        let numbers: HashMap<&str, usize> =
            found.deliveries.iter().map(|listed| (listed.delivery.id.as_str(), listed.number)).collect();
        for (session, messages) in &found.said {
            let (mut latest_began_ns, mut open) = (0, None);
            for message in messages {
                let about = message.delivery_id.as_deref();
                if message.role == ASSISTANT {
                    if about != open {
                        self.breaks(Promise::Order, format!("{session}: {about:?} is answered in between"));
                    }
                    continue;
                }
                open = about;
                let Some(sent) = about.and_then(|id| sent.get(numbers.get(id)?)) else { continue };
                if sent.answered_ns.is_some_and(|answered_ns| answered_ns < latest_began_ns) {
                    self.breaks(Promise::Order, format!("{session}: {} comes too late", sent.number));
                }
                latest_began_ns = latest_began_ns.max(sent.began_ns);
            }
        }
    }
}

impl Outcome for Account {
    fn failed(&self) -> bool {
        !self.broken.is_empty()
    }

    fn describe(&self) -> String {
        const SHOWN: usize = 8;
        let counts = [
            ("lost", Promise::Kept),
            ("unended", Promise::Ended),
            ("stored twice", Promise::Once),
            ("unexplained runs", Promise::RunOnce),
            ("messages missing or doubled", Promise::Said),
            ("out of order", Promise::Order),
        ];
        let broken = counts.map(|(name, promise)| format!("{name} {}", self.count(promise))).join(", ");
        let mut text = format!(
            "accepted {}, completed {}, failed as meant {}, {broken}, runs repeated {} (age <= {} ms), cut {} of which \
             {} stored, sent again {}; killed after {} ms, ready in {} ms, drained in {} ms",
            self.accepted,
            self.completed,
            self.failed_as_meant,
            self.repeated_runs,
            self.repeat_age_max.as_millis(),
            self.cut,
            self.cut_stored,
            self.resent,
            self.killed_after.as_millis(),
            self.ready_after.as_millis(),
            self.drained_after.as_millis(),
        );
        for (_, how) in self.broken.iter().take(SHOWN) {
            text.push_str("; ");
            text.push_str(how);
        }
        text
    }

    fn ready_after(&self) -> Duration {
        self.ready_after
    }
}

/// All trials together.
#[derive(Debug, Default, Serialize)]
pub(in crate::kill) struct Sums {
    /// Deliveries acknowledged.
    accepted: usize,
    completed: usize,
    /// Failed because the agent refused them, as it was to.
    failed_as_meant: usize,
    /// Acknowledged and not listed after the restart.
    lost: usize,
    /// In no final status, or failed without need.
    unended: usize,
    /// Keys stored twice, or not known any more when they were sent again.
    stored_twice: usize,
    /// Runs begun again after the kill.
    repeated_runs: usize,
    /// Runs that were repeated and had not been in flight.
    repeated_runs_unexplained: usize,
    /// The longest that the end of a repeated run lay before the kill.
    repeat_age_ms_max: f64,
    /// Deliveries whose message or answer is not in its session exactly once.
    messages_wrong: usize,
    /// Messages that are not in the order of receipt.
    out_of_order: usize,
    /// Requests cut off by the kill.
    cut: usize,
    /// Of these, stored before the kill.
    cut_stored: usize,
    /// Acknowledged and sent again with the same key.
    sent_again: usize,
    drained_ms_max: f64,
}

impl Totals<Account> for Sums {
    fn add(&mut self, account: &Account) {
        self.accepted += account.accepted;
        self.completed += account.completed;
        self.failed_as_meant += account.failed_as_meant;
        self.lost += account.count(Promise::Kept);
        self.unended += account.count(Promise::Ended);
        self.stored_twice += account.count(Promise::Once);
        self.repeated_runs += account.repeated_runs;
        self.repeated_runs_unexplained += account.count(Promise::RunOnce);
        self.repeat_age_ms_max = self.repeat_age_ms_max.max(stats::milliseconds(account.repeat_age_max));
        self.messages_wrong += account.count(Promise::Said);
        self.out_of_order += account.count(Promise::Order);
        self.cut += account.cut;
        self.cut_stored += account.cut_stored;
        self.sent_again += account.resent;
        self.drained_ms_max = self.drained_ms_max.max(stats::milliseconds(account.drained_after));
    }

    fn failed(&self) -> bool {
        let broken = self.lost
            + self.unended
            + self.stored_twice
            + self.repeated_runs_unexplained
            + self.messages_wrong
            + self.out_of_order;
        broken > 0 || self.accepted == 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use http::StatusCode;
    use serde_json::json;

    use super::{ASSISTANT, Account, Found, Promise, USER};
    use crate::kill::inbound::runner::Run;
    use crate::kill::inbound::sender::{Ledger, Sent};
    use crate::kill::{Kill, Outcome as _};
    use crate::source::{Delivery, Message};

    const MS: u64 = 1_000_000;
    const KILL: Kill = Kill { sent_ns: 5_000 * MS, restarted_ns: 5_050 * MS };
    /// What our agent does not want.
    const REFUSED: usize = 9;

    /// A delivery in session `s`; its number at the gateway is the one in its key and 100.
    fn delivery(number: usize, status: &str, runs: usize) -> Delivery {
        let error = (status == "failed").then_some("the agent's service answered 422");
        let delivery = json!({
            "id": format!("inb_{number}"), "number": number + 100, "status": status, "session_id": "s",
            "dedup_key": format!("key {number}"), "runs": runs, "error": error,
        });
        serde_json::from_value(delivery).unwrap()
    }

    fn message(role: &str, number: usize) -> Message {
        Message { role: role.to_owned(), delivery_id: Some(format!("inb_{number}")) }
    }

    /// Sent one after another, each when the one before was answered.
    fn ledger(numbers: &[usize]) -> Ledger {
        let sent = numbers.iter().zip(0..).map(|(&number, place)| Sent {
            number,
            source: 0,
            began_ns: place * 10 * MS,
            answered_ns: Some((place * 10 + 5) * MS),
            promised: Some(number as u64 + 100),
        });
        Ledger { sent: sent.collect(), ..Ledger::default() }
    }

    fn run(began_ms: u64, answered_ms: Option<u64>, status: StatusCode) -> Run {
        Run { began_ns: began_ms * MS, answered_ns: answered_ms.map(|ms| ms * MS), status }
    }

    /// Two deliveries that went well, by our agent.
    fn well() -> Found {
        let mut found = Found::default();
        for number in [1, 2] {
            found.add(number, true, delivery(number, "completed", 1));
            found.runs.insert(number, vec![run(4_000, Some(4_010), StatusCode::OK)]);
        }
        let said = [(USER, 1), (ASSISTANT, 1), (USER, 2), (ASSISTANT, 2)];
        found.said =
            HashMap::from([("s".to_owned(), said.map(|(role, number)| message(role, number)).to_vec())]);
        found
    }

    fn close(ledger: &Ledger, found: &Found) -> Account {
        Account::close(ledger, found, KILL, |number| number == REFUSED)
    }

    #[track_caller]
    fn breaks(promise: Promise, ledger: &Ledger, found: &Found) {
        let account = close(ledger, found);
        assert!(account.failed());
        assert!(account.broken.iter().all(|(broken, _)| *broken == promise), "{:?}", account.broken);
    }

    #[test]
    fn what_went_well_is_counted() {
        let account = close(&ledger(&[1, 2]), &well());
        assert!(!account.failed(), "{:?}", account.broken);
        assert_eq!((account.accepted, account.completed, account.repeated_runs), (2, 2, 0));
    }

    #[test]
    fn what_was_promised_must_be_listed_under_its_number() {
        breaks(Promise::Kept, &ledger(&[1, 2, 3]), &well());
        let mut other = ledger(&[1, 2]);
        other.sent[0].promised = Some(7);
        breaks(Promise::Kept, &other, &well());
    }

    #[test]
    fn it_must_end_and_may_fail_only_when_the_agent_refuses() {
        let ending = |number, status| {
            let mut found = well();
            found.add(number, true, delivery(number, status, 1));
            found.said.get_mut("s").unwrap().push(message(USER, number));
            found
        };
        let account = close(&ledger(&[1, 2, REFUSED]), &ending(REFUSED, "failed"));
        assert_eq!((account.failed_as_meant, account.failed()), (1, false), "{:?}", account.broken);
        breaks(Promise::Ended, &ledger(&[1, 2, 3]), &ending(3, "failed"));
        breaks(Promise::Ended, &ledger(&[1, 2, 3]), &ending(3, "processing"));
    }

    #[test]
    fn an_answer_without_a_question_is_noticed() {
        let mut found = well();
        found.runs.remove(&2);
        breaks(Promise::Ended, &ledger(&[1, 2]), &found);
    }

    #[test]
    fn a_key_is_stored_once_unless_the_first_failed() {
        let twice = |status| {
            let mut found = well();
            let second = Delivery { id: "inb_2b".into(), number: 300, ..delivery(2, status, 1) };
            found.add(2, true, second);
            found
                .said
                .get_mut("s")
                .unwrap()
                .push(Message { delivery_id: Some("inb_2b".into()), ..message(USER, 2) });
            found
        };
        let account = close(&ledger(&[1, 2]), &twice("completed"));
        assert!(account.broken.iter().any(|(broken, _)| *broken == Promise::Once));
        let account = Account::close(&ledger(&[1, 2]), &twice("failed"), KILL, |number| number == 2);
        assert!(!account.failed(), "{:?}", account.broken);
        let forgotten = Ledger { forgotten: vec![1], ..ledger(&[1, 2]) };
        breaks(Promise::Once, &forgotten, &well());
    }

    #[test]
    fn only_what_was_in_flight_is_run_again() {
        let again = |before: Run, runs| {
            let mut found = Found { deliveries: vec![], ..well() };
            found.add(1, true, delivery(1, "completed", runs));
            found.add(2, true, delivery(2, "completed", 1));
            found.runs.insert(1, vec![before, run(5_100, Some(5_110), StatusCode::OK)]);
            found
        };
        let in_flight = close(&ledger(&[1, 2]), &again(run(4_900, None, StatusCode::OK), 2));
        assert_eq!((in_flight.repeated_runs, in_flight.failed()), (1, false), "{:?}", in_flight.broken);
        let answered = close(&ledger(&[1, 2]), &again(run(4_900, Some(4_990), StatusCode::OK), 2));
        assert_eq!((answered.repeat_age_max.as_millis(), answered.failed()), (10, false));
        let put_off = run(4_900, Some(4_990), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(close(&ledger(&[1, 2]), &again(put_off, 2)).repeated_runs, 0);

        let old = run(1_000, Some(1_010), StatusCode::OK);
        breaks(Promise::RunOnce, &ledger(&[1, 2]), &again(old, 2));
        let after = run(5_060, Some(5_070), StatusCode::OK);
        breaks(Promise::RunOnce, &ledger(&[1, 2]), &again(after, 2));
        breaks(Promise::RunOnce, &ledger(&[1, 2]), &again(run(4_900, None, StatusCode::OK), 3));
    }

    #[test]
    fn a_message_is_said_once_and_answered_once() {
        let said = |said: &[(&str, usize)]| {
            let mut found = well();
            let messages = said.iter().map(|(role, number)| message(role, *number)).collect();
            found.said.insert("s".to_owned(), messages);
            found
        };
        let ledger = ledger(&[1, 2]);
        breaks(Promise::Said, &ledger, &said(&[(USER, 1), (ASSISTANT, 1), (USER, 2)]));
        breaks(
            Promise::Said,
            &ledger,
            &said(&[(USER, 1), (ASSISTANT, 1), (USER, 2), (USER, 2), (ASSISTANT, 2)]),
        );
        breaks(Promise::Order, &ledger, &said(&[(USER, 2), (ASSISTANT, 2), (USER, 1), (ASSISTANT, 1)]));
        breaks(Promise::Order, &ledger, &said(&[(USER, 1), (USER, 2), (ASSISTANT, 1), (ASSISTANT, 2)]));
        let mut at_once = ledger;
        at_once.sent[0].answered_ns = at_once.sent[1].answered_ns;
        let account = close(&at_once, &said(&[(USER, 2), (ASSISTANT, 2), (USER, 1), (ASSISTANT, 1)]));
        assert!(!account.failed(), "neither was answered before the other was sent: {:?}", account.broken);
    }
}
