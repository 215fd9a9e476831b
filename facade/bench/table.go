package main

import (
	"fmt"
	"go/version"
	"math"
	"runtime"
	"strings"
)

// row is one row of the table.
type row struct {
	name  string // of the benchmark, without its client
	what  string
	short bool               // whether it is in the project's README
	most  map[string]float64 // what our values must not exceed, by unit
	peers []peer             // at least one; the zero peer stands for none
	mine  string             // our client's name; empty for credkit
}

// peer is a client that ours is measured beside.
type peer struct {
	client string
	// What is to be reached; zero for nothing.
	speed  float64 // so many times its speed, at least
	time   float64 // so many times its time, at most
	memory float64 // so many times its bytes, at most
}

// titles are the names of clients in the table.
var titles = map[string]string{
	"generated": "generated client", "ogen": "ogen", "hand": "by hand", "go-json": "by hand with go-json", "x-oauth2": "`oauth2.ReuseTokenSource`",
	"ready": "the finished bytes, as a json.RawMessage",
	"limit": "what the limit allows", "plain": "the same requests, no store and no scopes",
	"sleep": "the larger of the two alone", "credkit-no-read-ahead": "the same without reading ahead",
}

const mib = 1 << 20

var table = []row{
	{name: "List/rows=1", what: "a list of 1, whole call", peers: lists(peer{speed: 2, memory: 1.2}, peer{speed: 1}, peer{})},
	{name: "List/rows=10", what: "a list of 10", peers: lists(peer{speed: 3.5}, peer{speed: 1.2}, peer{speed: 1})},
	{name: "List/rows=50", what: "a list of 50", peers: lists(peer{speed: 3.5}, peer{speed: 1.2}, peer{speed: 1})},
	{name: "List/rows=10000", what: "a list of 10,000", short: true, peers: lists(peer{speed: stockSpeed(), memory: 0.25}, peer{speed: 1.6, memory: 0.25}, peer{speed: 1.3, memory: 0.25})},
	{name: "Write/by=MarshalJSON", what: "a certification, written by its MarshalJSON", peers: []peer{{client: "generated", speed: 0.8}}},
	{name: "Write/by=json.Marshal", what: "the same, by json.Marshal, which checks and compacts what MarshalJSON returns", peers: []peer{{client: "generated", speed: 0.8}, {client: "ready"}}},
	{name: "Memory/rows=100000", what: "100,000 in one response", peers: []peer{{client: "generated"}, {client: "ogen"}, {client: "hand"}}},
	{name: "Memory/rows=1000000", what: "1,000,000 in one response", short: true, most: map[string]float64{"peak-B": 48 * mib}},
	{name: "Call", what: "one small call on loopback", peers: lists(peer{speed: 0.98}, peer{}, peer{})},
	{name: "Token/goroutines=1", what: "a token at hand, 1 goroutine, of a session", peers: oauth2(0.6), most: map[string]float64{"allocs/op": 0}},
	{name: "Token/goroutines=1", what: "the same, of client credentials", mine: "credkit-client-credentials", peers: oauth2(0.6), most: map[string]float64{"allocs/op": 0}},
	{name: "Token/goroutines=64", what: "a token at hand, 64 goroutines, of a session", short: true, peers: oauth2(0.35), most: map[string]float64{"allocs/op": 0}},
	{name: "Token/goroutines=64", what: "the same, of client credentials", mine: "credkit-client-credentials", peers: oauth2(0.35), most: map[string]float64{"allocs/op": 0}},
	{name: "Expiry", what: "10,000 goroutines crossing an expiry", most: map[string]float64{"requests": 1, "waits": 0}},
	{name: "Paging", what: "100 pages, server and consumer 20 ms a page each", peers: []peer{{client: "sleep", time: 1.15}, {client: "credkit-no-read-ahead"}}},
	{name: "FleetLimit/parallel=16", what: "2,000 workers, 16 at a time, server allows 200 requests/s", peers: []peer{{client: "limit", time: 1.25}}},
	{name: "FleetLimit/parallel=64", what: "2,000 workers, 64 at a time, server allows 200 requests/s", short: true, peers: []peer{{client: "limit", time: 1.25}}},
	{name: "FleetLimit/parallel=256", what: "2,000 workers, 256 at a time, server allows 200 requests/s", peers: []peer{{client: "limit", time: 1.25}}},
	{name: "FleetExpired/store=files", what: "5,000 workers, all tokens expired, server 20 ms, sessions in files", short: true, peers: []peer{{client: "plain", time: 1.3}}, most: map[string]float64{"peak-B": 64 * mib}},
	{name: "FleetExpired/store=postgres", what: "the same, sessions in PostgreSQL", peers: []peer{{client: "plain", time: 1.3}}, most: map[string]float64{"peak-B": 64 * mib}},
	{name: "Statuses/store=files", what: "state of each of 100,000 sessions, files", most: map[string]float64{"sec/op": 10, "peak-B": 32 * mib}},
	{name: "Statuses/store=postgres", what: "the same, PostgreSQL", most: map[string]float64{"sec/op": 5, "peak-B": 32 * mib}},
}

// lists are the clients that lists and calls are measured beside.
func lists(generated, ogen, goJSON peer) []peer {
	generated.client, ogen.client, goJSON.client = "generated", "ogen", "go-json"
	return []peer{generated, ogen, {client: "hand"}, goJSON}
}

func oauth2(time float64) []peer { return []peer{{client: "x-oauth2", time: time}} }

// stockSpeed is how many times the generated client's speed a long list is to
// reach: the encoding/json of Go 1.27 is faster.
func stockSpeed() float64 {
	if version.Compare(runtime.Version(), "go1.27") >= 0 {
		return 2.2
	}
	return 4
}

func (r row) ours() string {
	if r.mine != "" {
		return r.mine
	}
	return "credkit"
}

// beside are the row's peers, or one that is none.
func (r row) beside() []peer {
	if len(r.peers) == 0 {
		return []peer{{}}
	}
	return r.peers
}

// units are how values are written, in the order of the table.
var units = []struct {
	unit   string
	format func(float64) string
}{
	{"sec/op", duration},
	{"B/op", size},
	{"allocs/op", func(v float64) string { return count(v) + " allocations" }},
	{"peak-B", func(v float64) string { return size(v) + " resident at most" }},
	{"requests", func(v float64) string {
		return strings.TrimSuffix(count(v)+" requests", map[bool]string{true: "s"}[v == 1])
	}},
	{"refused", func(v float64) string { return count(v) + " of them 429" }},
	{"connections", func(v float64) string { return count(v) + " connections" }},
	{"waits", func(v float64) string { return count(v) + " goroutines waited" }},
}

// figures are all values of a benchmark that say something.
func (m measurements) figures(name string) string {
	var all []string
	for _, u := range units {
		if v, ok := m.median(name, u.unit); ok && (v != 0 || u.unit != "B/op" && u.unit != "refused" && u.unit != "connections") {
			all = append(all, u.format(v))
		}
	}
	return strings.Join(all, ", ")
}

// compare returns our figures as ratios of a peer's, and what was to be
// reached.
func (m measurements) compare(r row, p peer) (ratio, reach string) {
	ours, theirs := r.name+"/client="+r.ours(), r.name+"/client="+p.client
	of := func(unit string) float64 {
		a, _ := m.median(ours, unit)
		b, ok := m.median(theirs, unit)
		if !ok || b == 0 {
			return math.NaN()
		}
		return a / b
	}
	time, memory := of("sec/op"), of("B/op")
	if peak := of("peak-B"); !math.IsNaN(peak) {
		memory = peak
	}
	var ratios, goals []string
	reached := true
	hold := func(ok bool, format string, args ...any) {
		goals = append(goals, fmt.Sprintf(format, args...))
		reached = reached && ok
	}
	switch {
	case math.IsNaN(time):
	case p.time > 0 || memory != memory:
		ratios = append(ratios, fmt.Sprintf("%.2f × its time", time))
	default:
		ratios = append(ratios, fmt.Sprintf("%.2f × its speed", 1/time))
	}
	if !math.IsNaN(memory) {
		ratios = append(ratios, fmt.Sprintf("%.2f × its bytes", memory))
	}
	if p.speed > 0 {
		hold(1/time >= p.speed, "≥ %g × its speed", p.speed)
	}
	if p.time > 0 {
		hold(time <= p.time, "≤ %g × its time", p.time)
	}
	if p.memory > 0 {
		hold(memory <= p.memory, "≤ %g × its bytes", p.memory)
	}
	for _, u := range units {
		if most, ok := r.most[u.unit]; ok {
			v, _ := m.median(ours, u.unit)
			hold(v <= most, "≤ %s", u.format(most))
		}
	}
	if reach = strings.Join(goals, ", "); reach != "" && reached {
		reach += ": reached"
	} else if reach != "" {
		reach += ": **not reached**"
	}
	return strings.Join(ratios, ", "), reach
}

// duration is a time in seconds in the unit that suits it.
func duration(s float64) string {
	switch {
	case s < 1e-6:
		return fmt.Sprintf("%.1f ns", s*1e9)
	case s < 1e-3:
		return fmt.Sprintf("%.1f µs", s*1e6)
	case s < 1:
		return fmt.Sprintf("%.1f ms", s*1e3)
	}
	return fmt.Sprintf("%.1f s", s)
}

func size(bytes float64) string {
	switch {
	case bytes < 10<<10:
		return fmt.Sprintf("%.0f B", bytes)
	case bytes < mib:
		return fmt.Sprintf("%.1f KiB", bytes/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", bytes/mib)
}

// count is a number with its thousands apart.
func count(n float64) string {
	s := fmt.Sprintf("%.0f", n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
