//! What the four protocols look like on the wire. Sources: OpenAI, API reference, “Create chat completion”;
//! Anthropic, API reference, “Messages”, and “Tool use”; Google, Gemini API reference, “Generating content”, and
//! “Function calling”; Ollama, docs/api.md, “Generate a chat completion”.

use posthouse_types::LlmProvider;
use serde_json::{Value, json};

/// A protocol in examples.
pub(crate) struct Protocol {
    pub(crate) provider: LlmProvider,
    /// What stands behind the address of the peer in a base URL.
    pub(crate) base: &'static str,
    /// Where the question arrives.
    pub(crate) path: &'static str,
    /// Where the key is.
    pub(crate) key: (&'static str, &'static str),
    /// An answer that says something; 19 tokens read, 10 written.
    pub(crate) says: fn(&str) -> Value,
    /// An answer that calls tools with `{"id": n}`; the same tokens.
    pub(crate) calls: fn(&[(&str, u32)]) -> Value,
    /// An error's body.
    pub(crate) error: fn(&str) -> Value,
    /// The names of the tools, the system prompt, the last message of the user: in the question.
    pub(crate) asks: [&'static str; 3],
    /// The results of tools in the question, as (call, content).
    pub(crate) results: fn(&Value) -> Vec<(String, String)>,
}

pub(crate) const ALL: [Protocol; 4] = [OPENAI, ANTHROPIC, GEMINI, OLLAMA];

pub(crate) const OPENAI: Protocol = Protocol {
    provider: LlmProvider::Openai,
    base: "/v1",
    path: "/v1/chat/completions",
    key: ("authorization", "Bearer sk-own"),
    says: |text| openai(&json!({ "role": "assistant", "content": text, "refusal": null }), "stop"),
    calls: |calls| {
        let calls: Vec<Value> = calls
            .iter()
            .map(|(name, id)| {
                let arguments = json!({ "id": id }).to_string();
                json!({ "id": format!("call_{id}"), "type": "function", "function": { "name": name, "arguments": arguments } })
            })
            .collect();
        openai(&json!({ "role": "assistant", "content": null, "tool_calls": calls }), "tool_calls")
    },
    error: |text| json!({ "error": { "message": text, "type": "invalid_request_error", "param": null, "code": null } }),
    asks: ["/tools/0/function/name", "/messages/0/content", "/messages/3/content"],
    results: |question| {
        let messages = question["messages"].as_array().unwrap();
        let results = messages.iter().filter(|message| message["role"] == "tool");
        results.map(|message| (text(&message["tool_call_id"]), text(&message["content"]))).collect()
    },
};

pub(crate) const ANTHROPIC: Protocol = Protocol {
    provider: LlmProvider::Anthropic,
    base: "",
    path: "/v1/messages",
    key: ("x-api-key", "sk-own"),
    says: |text| anthropic(&json!([{ "type": "text", "text": text }]), "end_turn"),
    calls: |calls| {
        let mut content = vec![json!({ "type": "text", "text": "Let me see." })];
        content.extend(calls.iter().map(|(name, id)| {
            json!({ "type": "tool_use", "id": format!("call_{id}"), "name": name, "input": { "id": id } })
        }));
        anthropic(&content.into(), "tool_use")
    },
    error: |text| json!({ "type": "error", "error": { "type": "invalid_request_error", "message": text } }),
    asks: ["/tools/0/name", "/system", "/messages/2/content"],
    results: |question| {
        let last = question["messages"].as_array().unwrap().last().unwrap();
        assert_eq!(last["role"], "user");
        let results = last["content"].as_array().unwrap().iter();
        results
            .map(|part| {
                assert_eq!(part["type"], "tool_result");
                (text(&part["tool_use_id"]), text(&part["content"]))
            })
            .collect()
    },
};

pub(crate) const GEMINI: Protocol = Protocol {
    provider: LlmProvider::Gemini,
    base: "",
    path: "/v1beta/models/a-model:generateContent",
    key: ("x-goog-api-key", "sk-own"),
    says: |text| gemini(&json!([{ "text": text }])),
    calls: |calls| {
        let parts: Vec<Value> = calls
            .iter()
            .map(|(name, id)| json!({ "functionCall": { "name": name, "args": { "id": id } } }))
            .collect();
        gemini(&parts.into())
    },
    error: |text| json!({ "error": { "code": 400, "message": text, "status": "INVALID_ARGUMENT" } }),
    asks: ["/tools/0/functionDeclarations/0/name", "/systemInstruction", "/contents/2/parts"],
    results: |question| {
        let last = question["contents"].as_array().unwrap().last().unwrap();
        let results = last["parts"].as_array().unwrap().iter();
        // Calls have no ids here: the name and the order tell them apart.
        results
            .map(|part| {
                let response = &part["functionResponse"];
                (text(&response["name"]), response["response"].to_string())
            })
            .collect()
    },
};

pub(crate) const OLLAMA: Protocol = Protocol {
    provider: LlmProvider::Ollama,
    base: "",
    path: "/api/chat",
    key: ("authorization", "Bearer sk-own"),
    says: |text| ollama(&json!({ "role": "assistant", "content": text })),
    calls: |calls| {
        let calls: Vec<Value> = calls
            .iter()
            .map(|(name, id)| json!({ "function": { "name": name, "arguments": { "id": id } } }))
            .collect();
        ollama(&json!({ "role": "assistant", "content": "", "tool_calls": calls }))
    },
    error: |text| json!({ "error": text }),
    asks: ["/tools/0/function/name", "/messages/0/content", "/messages/3/content"],
    results: |question| {
        let messages = question["messages"].as_array().unwrap();
        let results = messages.iter().filter(|message| message["role"] == "tool");
        results.map(|message| (text(&message["tool_name"]), text(&message["content"]))).collect()
    },
};

fn openai(message: &Value, finish_reason: &str) -> Value {
    json!({
        "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
        "object": "chat.completion",
        "created": 1_741_570_283,
        "model": "gpt-5.2",
        "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason }],
        "usage": { "prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29 },
        "service_tier": "default",
    })
}

fn anthropic(content: &Value, stop_reason: &str) -> Value {
    json!({
        "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": { "input_tokens": 19, "output_tokens": 10 },
    })
}

fn gemini(parts: &Value) -> Value {
    json!({
        "candidates": [{ "content": { "parts": parts, "role": "model" }, "finishReason": "STOP", "index": 0 }],
        "usageMetadata": { "promptTokenCount": 19, "candidatesTokenCount": 10, "totalTokenCount": 29 },
        "modelVersion": "gemini-2.5-flash",
        "responseId": "mAitaLmkHPPlz7IPvtfUqQ4",
    })
}

fn ollama(message: &Value) -> Value {
    json!({
        "model": "qwen3",
        "created_at": "2026-01-01T00:00:00.000000Z",
        "message": message,
        "done_reason": "stop",
        "done": true,
        "total_duration": 5_191_566_416_u64,
        "load_duration": 2_154_458,
        "prompt_eval_count": 19,
        "prompt_eval_duration": 383_809_000,
        "eval_count": 10,
        "eval_duration": 4_799_921_000_u64,
    })
}

/// A text, or the one text in an array of parts.
fn text(value: &Value) -> String {
    let text = value.as_str().or_else(|| value.pointer("/0/text")?.as_str());
    text.unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
