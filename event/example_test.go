package event_test

import (
	"fmt"
	"time"

	"github.com/residualdb/residual/event"
)

func ExampleDecoder_Decode() {
	body := `{"timestamp":"2025-04-26 17:55:44","model_id":"model_5","prediction_id":"pred_2704","features":"{\"feature1\":10}","predicted_value":17.5,"actual_value":17.25,"model_version":"v5.4","environment":"production"}
{"timestamp":1745690144,"model_id":"model_5","prediction_id":"pred_2705","features":"{}","predicted_value":17.5,"actual_value":17.25,"model_version":"v5.4","environment":"production"}
`
	var batch event.Batch
	d := event.NewDecoder()
	if err := d.Decode(&batch, []byte(body), event.NDJSON, event.Rules{}); err != nil {
		fmt.Println(err)
		return
	}
	for i := range batch.Len() {
		e := batch.Event(i)
		fmt.Println(e.PredictionID, e.PredictedValue-e.ActualValue)
	}
	for _, r := range batch.Rejects {
		fmt.Printf("line %d: %s: %s\n", r.Line, r.Column, r.Reason)
	}
	// Output:
	// pred_2704 0.25
	// line 2: timestamp: an epoch is not accepted: must be a string, YYYY-MM-DD hh:mm:ss[.fff] or RFC 3339
}

func ExampleBatch_Add() {
	var batch event.Batch
	err := batch.Add(event.Event{
		Timestamp: time.Date(2025, 4, 26, 17, 55, 44, 0, time.UTC),
		ModelID:   "model_5", PredictionID: "pred_2704",
		Features:       `{"feature1":10}`,
		PredictedValue: 17.5,
		ModelVersion:   "v5.4", Environment: "",
	}, event.Rules{})
	fmt.Println(err)
	// Output:
	// event: environment: empty
}
