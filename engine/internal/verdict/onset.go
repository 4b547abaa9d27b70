package verdict

// Bucket is the error of a stretch of time: how many actuals it has and the sum of their errors.
type Bucket struct {
	Actuals  uint64
	SumError float64
}

// Onset returns the bucket with which a rise of the error began: the split at which the weighted sum of deviations from the mean of
// all (CUSUM) is the lowest. A rise that was there from the beginning has the first bucket.
func Onset(buckets []Bucket) int {
	var n, sum float64
	for _, b := range buckets {
		n += float64(b.Actuals)
		sum += b.SumError
	}
	mean := sum / max(n, 1)
	at, lowest, deviation := 0, 0.0, 0.0
	for i, b := range buckets {
		deviation += b.SumError - mean*float64(b.Actuals)
		if b.Actuals > 0 && deviation < lowest {
			at, lowest = i+1, deviation
		}
	}
	return min(at, len(buckets)-1)
}
