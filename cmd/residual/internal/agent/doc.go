// Package agent lets programs that work for people, such as assistants with a language model, ask a server: it speaks the Model Context
// Protocol (modelcontextprotocol.io), by the official SDK.
//
// # Model
//
// An [Agent] is a client of the public HTTP surface alone, with the token of who asks. Each pipe that the token may ask is a tool of the
// same name: its description, parameters and their types are those of the OpenAPI document, so pipes that are deployed are there from
// then on. Beside them are list_models, which tells of the models in the order in which they need attention, and sql. There is a prompt
// that asks which model needs attention and why; the documentation of the program is there as resources.
//
// # Guarantees
//
// Nothing is changed by any tool. An answer has at most [AnswerBytesMax] bytes: rows that do not fit are left out from the end, and the
// answer says how many. What a token may not see does not exist. The token is in no answer.
//
// # Concurrency
//
// An Agent is safe for concurrent use. A call that is cancelled ends its request.
//
// # Errors
//
// What a server refuses is the answer of the tool, marked as an error and in the server's words, so that the model can mend its question.
package agent
