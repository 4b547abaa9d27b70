package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// A server for a store of one's own, on a free port of loopback.
func ExampleServer() {
	dir, err := os.MkdirTemp("", "residual")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	db, err := engine.Open(dir, engine.Options{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = db.Close() }()

	server, err := httpapi.New(db, httpapi.Options{})
	if err != nil {
		panic(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()

	ask := func(method, target, body string) {
		req, err := http.NewRequest(method, "http://"+ln.Addr().String()+target, strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			panic(err)
		}
		defer func() { _ = resp.Body.Close() }()
		_, _ = io.Copy(os.Stdout, resp.Body)
	}
	ask("POST", "/v0/events?name=ml_model_predictions", `{"timestamp":"2025-04-26 17:55:44","model_id":"price","prediction_id":"p-1",
		"features":{"rooms":3},"predicted_value":42.5,"actual_value":45,"model_version":"v1","environment":"production"}`)
	ask("GET", "/v0/pipes/model_performance_metrics.csv?model_id=price&as_of=2025-04-26+18:00:00", "")

	http.DefaultClient.CloseIdleConnections()
	if err := server.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println(<-served)
	// Output:
	// {"successful_rows":1,"quarantined_rows":0}
	// "price","v1","production",1,2.5,2.5,"2025-04-26 17:55:44","2025-04-26 17:55:44"
	// <nil>
}
