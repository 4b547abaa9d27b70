package agent

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// attention is the prompt of who comes in the morning.
var attention = &mcp.Prompt{
	Name: "attention", Title: "Which model needs attention, and why",
	Description: "Looks through the models and says which of them need a person, why, and what to look at next.",
	Arguments:   []*mcp.PromptArgument{{Name: "model_id", Description: "a name or a pattern, such as team_*; all models without it"}},
}

func askForAttention(_ context.Context, request *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	models := request.Params.Arguments["model_id"]
	if models == "" {
		models = "*"
	}
	return &mcp.GetPromptResult{Description: attention.Description, Messages: []*mcp.PromptMessage{{
		Role: "user", Content: &mcp.TextContent{Text: `Which machine-learning model needs attention now, and why? Look at the models ` + models + `.

1. Call list_models. States that need a person: drift, silent, actuals_stopped. A warning is worth a sentence.
2. For each of at most five of them, the worst first, call model_drift_report with its model_id and model_version: how large is the error now,
   how large was it in the reference, what can chance alone explain (the interval), and on how many actuals does it rest?
3. Call model_performance_timeseries with interval=1d and time_window=720: when did it begin, at once or slowly? Did a new version come then?
4. For the worst, call predictions with order=abs_error and limit=20: do the largest errors have a feature in common?

Then write for an engineer on call: one line for each model with what, since when, how sure, and what to look at next. Say plainly
what too few actuals leave open, and name no cause that no answer shows.`},
	}}}, nil
}
