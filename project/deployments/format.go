package deployments

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	"github.com/residualdb/residual/project"
)

// Both kinds of files are one JSON object, laid out for people, and a line behind it with the CRC32C of all bytes before that line:
//
//	{ "version": 1, … }
//	crc32c 1a2b3c4d
//
// state says which deployment is live and which was made last; deployment-N.json is the deployment N. The state is written behind the
// deployments that it names, so one with a number beyond the last is what an interrupted deploy left.
const (
	stateName        = "state.json"
	deploymentPrefix = "deployment-"
	deploymentSuffix = ".json"

	formatVersion = 1
	checkPrefix   = "crc32c "
)

// state is what the state file holds.
type state struct {
	Version int `json:"version"`
	// Live and Staged are the numbers of deployments, 0 for none. Last is the highest that there was.
	Live   int `json:"live"`
	Staged int `json:"staged"`
	Last   int `json:"last"`
	// Kept are the deployments that there are, in their order.
	Kept []int `json:"kept"`
	// Lives are what became live, the newest last.
	Lives []Life `json:"lives"`
}

// Life is a deployment that became live.
type Life struct {
	ID int       `json:"id"`
	At time.Time `json:"at"`
	By string    `json:"by"`
}

// stored is what the file of a deployment holds.
type stored struct {
	Version int          `json:"version"`
	ID      int          `json:"id"`
	Created time.Time    `json:"created"`
	By      string       `json:"by"`
	Files   []storedFile `json:"files"`
}

type storedFile struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

func deploymentName(id int) string { return deploymentPrefix + strconv.Itoa(id) + deploymentSuffix }

// numberIn is the inverse of deploymentName.
func numberIn(name string) (id int, ok bool) {
	digits, ok := strings.CutPrefix(name, deploymentPrefix)
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, deploymentSuffix)
	id, err := strconv.Atoi(digits)
	return id, ok && err == nil && id > 0 && deploymentName(id) == name
}

// encode returns the bytes of a file.
func encode(value any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return fmt.Appendf(b.Bytes(), "%s%08x\n", checkPrefix, crc32.Checksum(b.Bytes(), castagnoli())), nil
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// decode reads the bytes of a file into value, whose version is at version. Errors are of the classes ErrCorrupt and ErrVersion.
func decode(data []byte, value any, version *int) error {
	i := bytes.LastIndexByte(bytes.TrimSuffix(data, []byte("\n")), '\n') + 1
	body, line := data[:i], data[i:]
	if want := fmt.Sprintf("%s%08x\n", checkPrefix, crc32.Checksum(body, castagnoli())); string(line) != want {
		return fmt.Errorf("%w: the checksum is %s, and not %s", ErrCorrupt, strings.TrimSpace(shown(line)), strings.TrimSpace(want))
	}
	if err := json.Unmarshal(body, value); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if *version > formatVersion {
		return fmt.Errorf("%w: version %d; this program reads up to %d", ErrVersion, *version, formatVersion)
	}
	if *version < 1 {
		return fmt.Errorf("%w: version %d", ErrCorrupt, *version)
	}
	return nil
}

// shown is a line that may be anything.
func shown(line []byte) string {
	const most = 40
	return strconv.QuoteToASCII(string(line[:min(len(line), most)]))
}

// encodeDeployment returns the bytes of a deployment.
func encodeDeployment(d *Deployment) ([]byte, error) {
	s := stored{Version: formatVersion, ID: d.ID, Created: d.Created, By: d.By, Files: make([]storedFile, len(d.Files))}
	for i, f := range d.Files {
		s.Files[i] = storedFile(f)
	}
	return encode(&s)
}

// decodeDeployment reads the bytes of the deployment of a number.
func decodeDeployment(data []byte, id int) (*Deployment, error) {
	var s stored
	if err := decode(data, &s, &s.Version); err != nil {
		return nil, err
	}
	if s.ID != id {
		return nil, fmt.Errorf("%w: it is of deployment %d", ErrCorrupt, s.ID)
	}
	list := make([]project.File, len(s.Files))
	for i, f := range s.Files {
		list[i] = project.File(f)
	}
	files, err := project.NewFiles(list)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return &Deployment{ID: s.ID, Created: s.Created, By: s.By, Files: files}, nil
}

// decodeState reads the bytes of the state.
func decodeState(data []byte) (*state, error) {
	s := new(state)
	if err := decode(data, s, &s.Version); err != nil {
		return nil, err
	}
	last := 0
	found := map[int]bool{0: true}
	for _, id := range s.Kept {
		if id <= last {
			return nil, fmt.Errorf("%w: deployment %d is behind %d", ErrCorrupt, id, last)
		}
		last, found[id] = id, true
	}
	if last > s.Last || !found[s.Live] || !found[s.Staged] || s.Staged != 0 && s.Staged == s.Live {
		return nil, fmt.Errorf("%w: live %d, staged %d and last %d do not fit the deployments that are kept", ErrCorrupt, s.Live, s.Staged, s.Last)
	}
	return s, nil
}
