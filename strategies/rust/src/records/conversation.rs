//! A conversation of a dataset, and the turns that a client made in it.

use super::fields::{says_nothing, text};
use crate::data::{Data, Dict, Text};

/// As the dataset has it, or as a messages profile gives it to the template.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conversation {
    pub id: Text,
    pub messages: Vec<Dict>,
    pub tools: Option<Vec<Dict>>,
    /// Prefix lengths.
    pub turns: Vec<usize>,
    /// The line on which it starts, from 1.
    pub line: usize,
}

/// The prefix lengths at which a client asked for an answer.
///
/// It asks before an answer, if a user or a tool has said something since the last one, and at
/// the end, if the last message is no answer.
pub fn client_turns(messages: &[Dict]) -> Vec<usize> {
    let mut turns = Vec::new();
    let mut asked = false;
    for (place, message) in messages.iter().enumerate() {
        match role(message) {
            "assistant" if asked => {
                turns.push(place);
                asked = false;
            }
            "user" | "tool" => asked = true,
            _ => {}
        }
    }
    if messages
        .last()
        .is_some_and(|last| role(last) != "assistant")
    {
        turns.push(messages.len());
    }
    turns
}

/// The role of a message that was read.
pub fn role(message: &Dict) -> &str {
    text(message, "role").unwrap_or_default()
}

/// How much of each kind of content there is, for warnings about what a template leaves out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    pub system_messages: usize,
    pub conversations_with_tools: usize,
    pub messages_with_calls: usize,
    pub tool_results: usize,
    pub messages_with_reasoning: usize,
}

impl Kinds {
    pub fn add(&mut self, conversation: &Conversation) {
        let tools = conversation.tools.as_ref();
        self.conversations_with_tools += usize::from(tools.is_some_and(|tools| !tools.is_empty()));
        for message in &conversation.messages {
            let mut reasons = false;
            for (key, value) in message.entries() {
                match &**key {
                    "role" => match value {
                        Data::Str(role) if &**role == "system" => self.system_messages += 1,
                        Data::Str(role) if &**role == "tool" => self.tool_results += 1,
                        _ => {}
                    },
                    "tool_calls" => self.messages_with_calls += usize::from(!says_nothing(value)),
                    "reasoning_content" | "reasoning" => reasons |= !says_nothing(value),
                    _ => {}
                }
            }
            self.messages_with_reasoning += usize::from(reasons);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::client_turns;
    use crate::data::{Data, Dict};

    #[test]
    fn a_turn_is_before_each_answer_and_at_the_end() {
        let turns = |roles: &str| {
            let messages: Vec<Dict> = roles
                .chars()
                .map(|role| {
                    let role = match role {
                        's' => "system",
                        'u' => "user",
                        't' => "tool",
                        _ => "assistant",
                    };
                    let mut message = Dict::new();
                    message.push("role".into(), Data::Str(role.into()));
                    message
                })
                .collect();
            client_turns(&messages)
        };
        assert_eq!(turns("suauau"), [2, 4, 6]);
        assert_eq!(turns("aua"), [2]);
        assert_eq!(turns("uattaau"), [1, 4, 7]);
        assert_eq!(turns("sa"), Vec::<usize>::new());
        assert_eq!(turns("s"), [1]);
        assert_eq!(turns(""), Vec::<usize>::new());
    }
}
