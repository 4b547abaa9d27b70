package workload

// stories returns one version in each state that a model may be in, with the versions before some of them, and well models that are well.
// history is in hours; the first of them has six times as much.
func stories(history float64, well int) []story {
	const production, staging = "production", "staging"
	told := []story{
		// Drift: a new version, whose errors grow 22 hours after it came; errors that grow without one.
		{model: "eta_courier_berlin", version: "v7.2.0", environment: production, perHour: 60, mae: 2.8, began: 6 * history, ended: 32, lag: 0.6},
		{model: "eta_courier_berlin", version: "v7.3.0", environment: production, perHour: 110, mae: 2.9, began: 32, changed: 10, factor: 2.1, volume: 1.2, bias: 1.2, lag: 0.6},
		{model: "solar_output_es", version: "v8.1.0", environment: production, perHour: 90, mae: 6.4, began: history, changed: 16, factor: 1.42, volume: 1, lag: 0.4},
		// Silent, and without actuals.
		{model: "delivery_window_paris", version: "v4.0.2", environment: production, perHour: 60, mae: 9.6, began: history, ended: 10},
		{model: "claims_severity_home", version: "v6.2.1", environment: production, perHour: 55, mae: 980, began: history, lag: 0.8, unseen: 9},
		// Not by chance, but less than drift: four standard errors from either.
		{model: "route_duration_truck", version: "v9.1.0", environment: production, perHour: 600, mae: 22.4, began: history, changed: 7, factor: 1.13, volume: 1},
		// Actuals that take longer than the window, and none at all.
		{model: "fraud_loss_estimate", version: "v2.1.0", environment: production, perHour: 80, mae: 116, began: history, lag: 25},
		// Nothing to compare with, and too little.
		{model: "churn_ltv", version: "14", environment: production, perHour: 60, mae: 68, began: history, ended: 2.9},
		{model: "churn_ltv", version: "15", environment: production, perHour: 60, mae: 67, began: 3},
		{model: "flood_depth_rhine", version: "v0.9.0", environment: production, perHour: 1.6, mae: 0.41, began: history},
		// Well, but fewer of them than a week ago; well, and with a version that a canary is compared with.
		{model: "call_duration", version: "v2.2.0", environment: production, perHour: 120, mae: 63, began: history, changed: 30, factor: 1, volume: 0.39},
		{model: "eta_courier_berlin", version: "v8.0.0-rc1", environment: staging, perHour: 40, mae: 2.7, began: 200, lag: 0.6},
		{model: "demand_store_east", version: "v3.0.0-rc2", environment: staging, perHour: 40, mae: 35, began: 300},
	}
	for i := range well {
		name := wellNames[i%len(wellNames)]
		if round := i / len(wellNames); round > 0 {
			name += "_" + string(appendUint(nil, uint64(round+1)))
		}
		s := story{
			model: name, version: wellVersions[i%len(wellVersions)], environment: production,
			perHour: 30 + 9*float64(i%7), mae: wellErrors[i%len(wellErrors)], began: history,
		}
		if i%3 == 0 {
			s.lag = 0.2 + 0.3*float64(i%5)
		}
		if i%4 == 1 { // the version before it is retired
			before := s
			s.began = history / 3
			before.version, before.ended = "v1.0.0", s.began
			told = append(told, before)
		}
		told = append(told, s)
	}
	return told
}

var wellNames = [...]string{
	"demand_store_east", "demand_store_west", "warehouse_pick_time_ams", "warehouse_pick_time_dfw", "warehouse_pick_time_lhr", "claims_severity_motor",
	"pump_vibration_rms", "price_prediction_model", "ctr_bid_value", "energy_load_dk1", "energy_load_dk2", "wind_output_north", "basket_size", "refund_amount",
	"credit_line_limit", "loan_default_loss", "bed_occupancy", "ward_stay_length", "lab_turnaround", "eta_courier_madrid", "eta_courier_vienna", "ride_fare_lisbon",
	"ride_wait_lisbon", "parcel_weight", "container_dwell", "berth_delay", "train_delay_ic", "tyre_wear", "battery_health", "engine_hours_left", "crop_yield_wheat",
	"milk_yield", "river_level_elbe", "pm10_forecast", "ticket_resolution", "call_volume", "staff_needed", "rent_estimate",
}

var wellVersions = [...]string{"v2.9.0", "v5.4.1", "v1.0.3", "v6.2.1", "2026-11-03", "v1.2.3", "v11.0.0"}

var wellErrors = [...]float64{33.4, 4.94, 5.96, 729, 0.188, 18_100, 0.0148, 101, 2.2, 61, 0.92, 1_240}
