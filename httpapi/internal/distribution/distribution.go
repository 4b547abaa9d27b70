// Package distribution counts numbers by their size, in buckets whose bounds are always the same.
//
// The bounds are powers of the fourth root of two and their negatives; zero is a bucket of its own. So what two counts, or two
// servers, have in a bucket can be compared, whatever the numbers were.
//
// Nothing here is safe for concurrent use.
package distribution

import (
	"math"
	"slices"
)

const (
	// step is how many bounds there are from a number to its double.
	step = 4
	// least and most are the buckets of the smallest and of the largest float64.
	least, most = -1074 * step, 1024*step - 1
	width       = most - least + 1
)

// BucketsMin is the least number of buckets that any numbers fit: those below one and from one on, of both signs, and zero.
const BucketsMin = 5

// Sides are how many counts a bucket has.
const Sides = 2

// Counts are how many numbers of each side there are.
type Counts [Sides]uint64

// Bucket is what is counted in the numbers from Lower to Upper. Of the two bounds the one nearer to zero belongs to it; zero is in
// none but its own.
type Bucket struct {
	Lower, Upper float64
	Counts       Counts
}

// Distribution is what was counted. Its zero value has counted nothing.
type Distribution struct {
	zero Counts
	// signs are the counts of negative and of positive numbers, nil before there is one.
	signs [2][]Counts
}

// Add counts a number on a side. An infinite one is in the bucket of the largest numbers.
func (d *Distribution) Add(side int, number float64) {
	if number == 0 {
		d.zero[side]++
		return
	}
	sign := 0
	if number > 0 {
		sign = 1
	}
	if d.signs[sign] == nil {
		d.signs[sign] = make([]Counts, width)
	}
	d.signs[sign][bucketOf(math.Abs(number))-least][side]++
}

// bucketOf returns the k of the bucket [bound(k), bound(k+1)) that a positive number is in.
func bucketOf(size float64) int {
	size = min(size, math.MaxFloat64)
	k := int(math.Floor(step * math.Log2(size)))
	for k > least && size < bound(k) {
		k--
	}
	for k < most && size >= bound(k+1) {
		k++
	}
	return min(max(k, least), most)
}

func bound(k int) float64 { return math.Exp2(float64(k) / step) }

// Buckets returns all buckets from the lowest to the highest that has a number, zero if it has one, at most so many: as few of them as
// need be are made one, always a power of two of them, and always the same ones. mostBuckets is at least BucketsMin.
func (d *Distribution) Buckets(mostBuckets int) []Bucket {
	for shift := 0; ; shift++ {
		if buckets := d.merged(shift); len(buckets) <= mostBuckets {
			return buckets
		}
	}
}

// merged returns the buckets with 1<<shift of them made one.
func (d *Distribution) merged(shift int) (buckets []Bucket) {
	negative, positive := mergedSign(d.signs[0], shift), mergedSign(d.signs[1], shift)
	for _, b := range slices.Backward(negative) {
		buckets = append(buckets, Bucket{-b.Upper, -b.Lower, b.Counts})
	}
	if d.zero != (Counts{}) {
		buckets = append(buckets, Bucket{Counts: d.zero})
	}
	return append(buckets, positive...)
}

// mergedSign returns the buckets of one sign, by their size.
func mergedSign(counts []Counts, shift int) (buckets []Bucket) {
	first, last := 0, len(counts)-1
	for first <= last && counts[first] == (Counts{}) {
		first++
	}
	for first <= last && counts[last] == (Counts{}) {
		last--
	}
	at := 0 // which bucket the last one is
	for i := first; i <= last; i++ {
		k := (i + least) >> shift
		if len(buckets) == 0 || k != at {
			at = k
			buckets = append(buckets, Bucket{Lower: bound(k << shift), Upper: bound((k + 1) << shift)})
		}
		for side := range Sides {
			buckets[len(buckets)-1].Counts[side] += counts[i][side]
		}
	}
	return buckets
}
