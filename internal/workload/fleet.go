package workload

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// Fleet makes up the models of a company as they are on an ordinary day: most of them well, and for each thing that may be wrong with a
// model one that has it. What it makes depends on seed and present alone, and goes on after the present. It is for one goroutine.
type Fleet struct {
	deployments []*deployment
	lines       []byte // scratch of Advance
	actuals     []byte
}

// deployment is a version of a model in an environment.
type deployment struct {
	story
	id     int
	random *rand.Rand
	next   time.Time // of the next prediction
	// gone is when the last one is made, turned when the story changes, blind from when on there are no actuals.
	gone, turned, blind time.Time
	made                int64
	pending             []pendingActual
}

type pendingActual struct {
	observed time.Time
	made     int64
	value    float64
}

// story is what happens to a version. Times are hours before the present, 0 is never.
type story struct {
	model, version, environment string
	// perHour is how many predictions come in an hour, mae how far off they are, both on average of a day.
	perHour, mae float64
	// began and ended are when the version came and went.
	began, ended float64
	// From changed on, errors are factor times, and predictions volume times what they were; bias is added, in units of mae.
	changed, factor, volume, bias float64
	// lag is how long half of the actuals take, in hours; with 0 they come with their predictions. None comes for what was predicted
	// since unseen.
	lag, unseen float64
}

// NewFleet returns a fleet whose predictions begin days before the present, with that many models that are well.
func NewFleet(seed uint64, present time.Time, days, well int) *Fleet {
	f := &Fleet{}
	for i, s := range stories(float64(days)*24, well) {
		d := &deployment{story: s, id: i, random: rand.New(rand.NewPCG(seed, uint64(i)))}
		never := present.AddDate(10, 0, 0)
		at := func(hours float64) time.Time {
			if hours == 0 {
				return never
			}
			return present.Add(-time.Duration(hours * float64(time.Hour)))
		}
		d.gone, d.turned, d.blind = at(s.ended), at(s.changed), at(s.unseen)
		d.next = at(s.began).Add(time.Duration(d.random.Float64() * float64(time.Hour) / s.perHour))
		f.deployments = append(f.deployments, d)
	}
	return f
}

// Advance returns what has come since the last call and up to a time, as NDJSON of both data sources. It is valid up to the next call.
func (f *Fleet) Advance(to time.Time) (predictions, actuals []byte) {
	f.lines, f.actuals = f.lines[:0], f.actuals[:0]
	for _, d := range f.deployments {
		for d.next.Before(to) && d.next.Before(d.gone) {
			f.lines = d.predict(f.lines)
		}
		d.pending = slices.DeleteFunc(d.pending, func(p pendingActual) bool {
			if p.observed.After(to) {
				return false
			}
			f.actuals = d.appendActual(f.actuals, p)
			return true
		})
	}
	return f.lines, f.actuals
}

// predict appends the next prediction.
func (d *deployment) predict(dst []byte) []byte {
	at := d.next
	turned := !at.Before(d.turned)
	d.made++

	// Each hour of the day has a distance, a place and weather of its own; in rain errors are larger, and more so once they have grown.
	hour := float64(at.Hour()) + float64(at.Minute())/60
	distance, rain := 0.5+9*d.random.Float64(), d.random.Float64() < 0.2
	size := d.mae / meanOfNormal * wobble(d.id, at)
	if rain {
		size *= 1.25
	} else {
		size *= 0.9375
	}
	shift := 0.0
	if turned {
		size *= d.factor
		shift = d.bias * d.mae
	}
	off := shift + size*d.normal()
	actual := d.mae * (8 + 3*math.Sin(hour/24*2*math.Pi) + 0.4*distance)
	predicted := actual + off

	dst = append(dst, `{"timestamp":"`...)
	dst = at.UTC().AppendFormat(dst, "2006-01-02 15:04:05.000")
	dst = append(dst, `","model_id":`...)
	dst = appendQuoted(dst, d.model)
	dst = append(dst, `,"prediction_id":"`...)
	dst = d.appendID(dst, d.made)
	dst = append(dst, `","features":{"distance_km":`...)
	dst = strconv.AppendFloat(dst, distance, 'f', 1, 64)
	dst = append(dst, `,"place":"`...)
	dst = append(dst, words[d.random.IntN(len(words))]...)
	dst = append(dst, `","rain":`...)
	dst = strconv.AppendBool(dst, rain)
	dst = append(dst, `},"predicted_value":`...)
	dst = appendValue(dst, predicted)
	if d.lag == 0 {
		dst = append(dst, `,"actual_value":`...)
		dst = appendValue(dst, actual)
	} else if at.Before(d.blind) {
		// A quarter of the lag at least, a few times it at most.
		lag := d.lag * (0.25 + 1.5*d.random.Float64()*d.random.Float64()*2)
		d.pending = append(d.pending, pendingActual{at.Add(time.Duration(lag * float64(time.Hour))), d.made, actual})
	}
	dst = append(dst, `,"model_version":`...)
	dst = appendQuoted(dst, d.version)
	dst = append(dst, `,"environment":`...)
	dst = appendQuoted(dst, d.environment)
	dst = append(dst, "}\n"...)

	perHour := d.perHour * (1 + 0.5*math.Sin((hour-8)/24*2*math.Pi))
	if turned {
		perHour *= d.volume
	}
	d.next = at.Add(time.Duration((0.5 + d.random.Float64()) / perHour * float64(time.Hour)))
	return dst
}

// meanOfNormal is the mean of |x| of a normal x of deviation 1.
const meanOfNormal = 0.7978845608028654

// normal returns a normal deviate. Those of a deployment are spread more evenly than chance would: the error of a window is then that
// of the story, and a fleet has the states that it is meant to have.
func (d *deployment) normal() float64 {
	const golden = 0.6180339887498949
	_, u := math.Modf(float64(d.made)*golden + 0.05*d.random.Float64())
	return math.Sqrt2 * math.Erfinv(2*min(max(u, 1e-4), 1-1e-4)-1)
}

// wobble is how much larger than usual the errors of an hour are, in all versions of a model alike.
func wobble(id int, at time.Time) float64 {
	hour := uint64(at.Unix()/3600)*0x9e3779b97f4a7c15 + uint64(id)*0xbf58476d1ce4e5b9
	hour ^= hour >> 29
	hour *= 0x94d049bb133111eb
	return 1 + 0.16*(float64(hour>>40)/(1<<24)-0.5)
}

func (d *deployment) appendActual(dst []byte, p pendingActual) []byte {
	dst = append(dst, `{"timestamp":"`...)
	dst = p.observed.UTC().AppendFormat(dst, "2006-01-02 15:04:05.000")
	dst = append(dst, `","model_id":`...)
	dst = appendQuoted(dst, d.model)
	dst = append(dst, `,"prediction_id":"`...)
	dst = d.appendID(dst, p.made)
	dst = append(dst, `","actual_value":`...)
	dst = appendValue(dst, p.value)
	return append(dst, "}\n"...)
}

func (d *deployment) appendID(dst []byte, made int64) []byte {
	dst = strconv.AppendInt(dst, int64(d.id), 36)
	dst = append(dst, '-')
	return strconv.AppendInt(dst, made, 10)
}

// appendQuoted writes a name of a story, none of which needs escaping.
func appendQuoted(dst []byte, name string) []byte {
	return append(append(append(dst, '"'), name...), '"')
}

// appendValue writes a number with as many digits as a model would care for.
func appendValue(dst []byte, v float64) []byte { return strconv.AppendFloat(dst, v, 'g', 6, 64) }
