//! The built-in agent: says what happened, without a model.

use posthouse_engine::{AgentReply, AgentRun};
use posthouse_types::Role;

use crate::text::{cut, one_line};

/// Lines of a message that are repeated.
const LINES_MAX: usize = 12;
/// Characters of each.
const LINE_CHARS_MAX: usize = 200;
/// How every answer to a person begins. By it, these answers are told from what was said of events.
const NO_MODEL: &str = "This agent has no language model, so it can not answer questions.";
const HOW_TO: &str = "To converse, create an agent with the runner llm (POST /api/v1/agents with provider and model) \
                      and bind the source to it.";

/// Of an event, a summary; to a person, what there is and how to get more.
pub(crate) fn digest(run: &AgentRun) -> AgentReply {
    let content = match &run.headline {
        Some(headline) => summary(headline, &run.message),
        None => about_the_session(run),
    };
    AgentReply { content, tokens: None }
}

fn summary(headline: &str, message: &str) -> String {
    let headline = one_line(headline, LINE_CHARS_MAX);
    let mut lines = vec![headline.clone()];
    let mut facts = facts(message).filter(|line| line.trim() != headline);
    lines.extend(facts.by_ref().take(LINES_MAX).map(|line| cut(line, LINE_CHARS_MAX)));
    if facts.next().is_some() {
        lines.push("…".to_owned());
    }
    lines.join("\n")
}

/// What a message says of the event: between its first two rules (lines of nothing but hyphens), when it has rules.
/// Before them stands where it came from, behind them what an agent shall do.
fn facts(message: &str) -> impl Iterator<Item = &str> {
    let lines: Vec<&str> = message.lines().map(str::trim_end).collect();
    let begin = lines.iter().position(|line| is_rule(line)).map_or(0, |at| at + 1);
    lines.into_iter().skip(begin).take_while(|line| !is_rule(line)).filter(|line| !is_frame(line))
}

fn is_rule(line: &str) -> bool {
    line.len() >= 3 && line.bytes().all(|byte| byte == b'-')
}

/// Blank lines, and the fences of Markdown.
fn is_frame(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with("```")
}

fn about_the_session(run: &AgentRun) -> String {
    let last_event = run.history.iter().rev().find_map(|said| {
        let of_an_event = said.role == Role::Assistant && !said.content.starts_with(NO_MODEL);
        said.content.lines().find(|line| of_an_event && !line.trim().is_empty())
    });
    let known = match last_event {
        Some(line) => format!("The last event was: {}", one_line(line, LINE_CHARS_MAX)),
        None => "There was no event yet.".to_owned(),
    };
    // What is to be answered is a message as well.
    let messages = match run.history.len() + 1 {
        1 => "1 message".to_owned(),
        many => format!("{many} messages"),
    };
    format!("{NO_MODEL}\nThis session holds {messages}. {known}\n{HOW_TO}")
}

#[cfg(test)]
mod tests {
    use posthouse_engine::Said;
    use posthouse_types::{AgentLimits, AgentSettings, Name, Runner, SessionId};

    use super::*;

    fn run(headline: Option<&str>, message: &str, history: &[(Role, &str)]) -> AgentRun {
        AgentRun {
            agent: AgentSettings {
                name: Name::parse("Triage").unwrap(),
                runner: Runner::Digest,
                model: None,
                system_prompt: String::new(),
                tools: None,
                limits: AgentLimits::default(),
                approval: false,
            },
            secret: None,
            session: SessionId::parse("webhook:github:1").unwrap(),
            history: history
                .iter()
                .map(|&(role, content)| Said { role, content: content.to_owned() })
                .collect(),
            message: message.to_owned(),
            headline: headline.map(str::to_owned),
        }
    }

    #[test]
    fn events_are_summed_up() {
        let message = "A webhook arrived.\nSource: GitHub\n---\nPR #7 opened in o/r by a\n\n```\nTitle: Fix it\n```\n\
                       Branch: fix -> main\n---\nPlease review.";
        let reply = digest(&run(Some("PR #7 opened in o/r by a"), message, &[]));
        assert_eq!(reply.content, "PR #7 opened in o/r by a\nTitle: Fix it\nBranch: fix -> main");
        assert_eq!(reply.tokens, None);
    }

    #[test]
    fn summaries_are_bounded() {
        let message = format!("{}\n", "x".repeat(500)).repeat(50);
        let reply = digest(&run(Some("head\nline"), &message, &[]));
        assert_eq!(reply.content.lines().count(), LINES_MAX + 2);
        assert_eq!(reply.content.lines().next(), Some("head line"));
        assert_eq!(reply.content.lines().last(), Some("…"));
        assert!(reply.content.lines().all(|line| line.chars().count() <= LINE_CHARS_MAX + 1));
    }

    #[test]
    fn people_are_told_what_there_is() {
        let first = digest(&run(None, "Hello?", &[]));
        assert!(first.content.starts_with(NO_MODEL));
        assert!(first.content.contains("1 message. There was no event yet."), "{}", first.content);

        let history = [
            (Role::User, "A webhook arrived."),
            (Role::Assistant, "PR #7 opened\nTitle: Fix it"),
            (Role::User, "Hello?"),
            (Role::Assistant, first.content.as_str()),
        ];
        let second = digest(&run(None, "And now?", &history));
        assert!(
            second.content.contains("5 messages. The last event was: PR #7 opened\n"),
            "{}",
            second.content
        );
        assert!(second.content.contains("runner llm"));
    }
}
