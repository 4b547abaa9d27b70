package exact

import "math/big"

// Rounded is what an engine of floats adds values v up to.
type Rounded struct {
	// N is how many there are.
	N uint64
	// Over and Under are the sums of v where v > 0 and of -v where v < 0.
	Over, Under float64
	// Spread is the sum of the squares of what v is away from its mean, or of what |v| is away from its own. Of values that are all
	// the same it is 0, and Size is then |v|.
	Spread, Size float64
}

// roundedBits is the precision in which squares of sums are put together with spreads: their difference, which is what a deviation is
// made of, keeps all bits of the spread.
const roundedBits = 320

// shy is a little less than 1. Squares of values that are all the same are made so much smaller where a Sum cannot keep all of their bits: their
// spread is then below zero, and no deviation comes of bits that were dropped.
var shy = big.NewFloat(1 - 0x1p-50)

// keptBits are as many as a Sum keeps of one number, wherever in a bin its highest is.
const keptBits = (sumBins - 1) * binBits

// keep makes squares smaller that a Sum cannot keep.
func keep(squares *big.Float) {
	if squares.MinPrec() > keptBits {
		squares.Mul(squares, shy)
	}
}

// AddRounded adds values by their sums, where the spread is that of v.
func (m *Moments) AddRounded(r *Rounded) {
	if r.N == 0 {
		return
	}
	m.addRounded(r, new(big.Float).SetPrec(roundedBits).Sub(big.NewFloat(r.Over), big.NewFloat(r.Under)))
}

// addRounded adds values whose spread is about a total, and returns the sum of their squares.
func (m *Moments) addRounded(r *Rounded, total *big.Float) (squares *big.Float) {
	n := new(big.Float).SetPrec(roundedBits).SetUint64(r.N)
	if r.Spread > 0 {
		m.Over.Add(r.Over)
		m.Under.Add(r.Under)
		squares = new(big.Float).SetPrec(roundedBits).Mul(total, total)
		squares.Quo(squares, n).Add(squares, big.NewFloat(r.Spread))
		m.Squared.addBig(squares)
		return squares
	}
	// The sums are rounded and the values are not: how many are above zero tells what they add up to.
	over := uint64(0)
	if r.Size > 0 {
		over = min(uint64(r.Over/r.Size+0.5), r.N)
	}
	times := func(n uint64, v float64) *big.Float {
		x := new(big.Float).SetPrec(roundedBits).SetUint64(n)
		return x.Mul(x, big.NewFloat(v))
	}
	m.Over.addBig(times(over, r.Size))
	m.Under.addBig(times(r.N-over, r.Size))
	squares = times(r.N, r.Size)
	squares.Mul(squares, big.NewFloat(r.Size))
	keep(squares)
	m.Squared.addBig(squares)
	return squares
}

// AddRounded adds errors by their sums, where the spread is that of |e|. spread is that of e^2.
func (s *Errors) AddRounded(r *Rounded, spread float64) {
	if r.N == 0 {
		return
	}
	squares := s.addRounded(r, new(big.Float).SetPrec(roundedBits).Add(big.NewFloat(r.Over), big.NewFloat(r.Under)))
	n := new(big.Float).SetPrec(roundedBits).SetUint64(r.N)
	squares.Mul(squares, squares).Quo(squares, n)
	if r.Spread > 0 {
		squares.Add(squares, big.NewFloat(spread))
	} else {
		keep(squares)
	}
	s.Quartic.addBig(squares)
}

// addBig adds a number >= 0 within the range of float64, as far as the bits of a Sum reach.
func (s *Sum) addBig(v *big.Float) {
	rest := new(big.Float).Set(v)
	for range roundedBits/53 + 1 {
		if rest.Sign() == 0 {
			return
		}
		f, _ := new(big.Float).SetPrec(53).SetMode(big.ToZero).Set(rest).Float64()
		s.Add(f)
		rest.Sub(rest, big.NewFloat(f))
	}
}
