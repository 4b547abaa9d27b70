package negotiate

import (
	"bytes"
	"strconv"
)

// Coding is a content coding.
type Coding uint8

// The codings that the server has, those that are sent rather come last.
const (
	Identity Coding = iota
	Gzip
	Zstd
	codings
)

var codingNames = [codings]string{"identity", "gzip", "zstd"}

func (c Coding) String() string { return codingNames[c] }

// Accepted is what a client accepts.
type Accepted struct {
	// Coding is what it wants most; Identity if that is an answer as it is.
	Coding Coding
	// Plain is set where it takes an answer as it is.
	Plain bool
}

// Accept reads the values of the header Accept-Encoding, one for each time that it is there. ok is false if the client takes no
// coding that there is. What is no coding with a weight is passed over.
func Accept(values [][]byte) (a Accepted, ok bool) {
	const unsaid = -1
	weights, others := [codings]float64{unsaid, unsaid, unsaid}, float64(unsaid)
	for _, value := range values {
		for item := range bytes.SplitSeq(value, []byte(",")) {
			name, weight, ok := weighted(item)
			if !ok {
				continue
			}
			switch string(name) {
			case "*":
				others = weight
			case "identity":
				weights[Identity] = weight
			case "gzip", "x-gzip":
				weights[Gzip] = weight
			case "zstd":
				weights[Zstd] = weight
			}
		}
	}
	for c := range weights {
		if weights[c] == unsaid {
			weights[c] = max(others, 0)
			if Coding(c) == Identity && others == unsaid {
				weights[c] = tiny
			}
		}
	}
	best := Identity
	for c := Gzip; c < codings; c++ {
		if weights[c] > 0 && weights[c] >= weights[best] {
			best = c
		}
	}
	return Accepted{Coding: best, Plain: weights[Identity] > 0}, weights[best] > 0
}

// tiny is the weight of an answer as it is, where nothing is said about it: less than what anybody can say.
const tiny = 1e-9

// weighted reads a coding and its weight.
func weighted(item []byte) (name []byte, weight float64, ok bool) {
	name, parameter, given := bytes.Cut(item, []byte(";"))
	if name = bytes.ToLower(bytes.TrimSpace(name)); !given {
		return name, 1, len(name) > 0
	}
	key, text, _ := bytes.Cut(parameter, []byte("="))
	weight, err := strconv.ParseFloat(string(bytes.TrimSpace(text)), 64)
	return name, weight, err == nil && weight >= 0 && weight <= 1 && bytes.EqualFold(bytes.TrimSpace(key), []byte("q"))
}
