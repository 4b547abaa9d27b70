// Package workload makes up prediction events: the same ones for the same options, on every machine.
//
// A [Generator] yields rows in the order a server would receive them: timestamps ascend over [From, To), except for a share of
// late rows that reach back by up to LateBy. Models predict values of their own magnitude, with an error of about 5 % of it;
// one model may drift, its error growing in the last hours before To. Versions follow each other in time, the way a model is
// redeployed, and environments are mixed. [Shape] bends all of that: bursts of one model, thousands of models or versions, and
// events as another program might send them, with UUIDs and features of no fixed form.
//
// Rows come as [event.Event] values from [Generator.Next] or as NDJSON lines from [Generator.AppendNDJSON]; both advance the
// same sequence and mean the same rows. Values are whole cents, so that the text on the line and the float64 of the event are
// the same number. The bytes are part of the package's promise: a change of them changes the golden sums of its tests.
//
// A [Fleet] is what the demo and the tests of the page show: named models, most of them well, and one in each state that a model may be
// in. It goes on after the present, and its actuals come later than its predictions.
//
// A Generator is for one goroutine at a time. Options that contradict themselves are an error of [Options.Validate]; [New]
// panics on them.
package workload
