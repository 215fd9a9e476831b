package facade

import (
	"strconv"
	"strings"

	"pgregory.net/rapid"
)

// documents draws elements of a list: mostly what a service may send, and now
// and then what none should.
type documents struct {
	t     *rapid.T
	names []string // of the model
}

// one draws an element.
func (d documents) one() string {
	switch d.dice(20) {
	case 0:
		return d.value(2)
	case 1:
		return d.damaged(d.object(d.names, 2))
	default:
		return d.object(d.names, 2)
	}
}

// page draws a whole response.
func (d documents) page() string {
	rows := make([]string, d.dice(6))
	for i := range rows {
		rows[i] = d.one()
	}
	items := d.space() + "[" + d.space() + strings.Join(rows, d.space()+","+d.space()) + d.space() + "]"
	members := []string{d.quoted("data") + d.space() + ":" + items}
	for range d.dice(3) {
		name := d.pick(`"page"`, `"page"`, `"count"`, `"data"`, `"next"`, d.text())
		members = append(members, name+":"+d.pick(`{"next_cursor":null}`, `{"next_cursor":"abc","has_more":true}`, `null`, d.value(3)))
	}
	if d.dice(2) == 0 {
		members[0], members[len(members)-1] = members[len(members)-1], members[0]
	}
	whole := d.pick("", "", d.space()) + "{" + strings.Join(members, d.space()+",") + d.space() + "}" + d.space()
	switch d.dice(12) {
	case 0:
		return items
	case 1:
		return d.damaged(whole)
	case 2:
		return whole[:d.dice(len(whole))]
	default:
		return whole
	}
}

func (d documents) object(names []string, depth int) string {
	members := []string{`"id":"` + anID + `"`}
	if d.dice(10) == 0 {
		members = nil
	}
	start, count := d.dice(len(names)), d.dice(len(names)+3)
	for i := range count {
		name := names[(start+i)%len(names)]
		switch {
		case name == "id" && d.dice(10) > 0: // it is there
			continue
		case d.dice(25) == 0:
			name = strings.ToUpper(name)
		case d.dice(12) == 0:
			name = "unknown_" + strconv.Itoa(i)
		}
		quoted := d.quoted(name)
		if d.dice(40) == 0 {
			quoted = d.text()
		}
		members = append(members, quoted+d.space()+":"+d.space()+d.fitting(name, depth))
		if d.dice(60) == 0 {
			members = append(members, members[d.dice(len(members))])
		}
	}
	return "{" + d.space() + strings.Join(members, d.space()+","+d.space()) + d.space() + "}"
}

// fitting draws a value for a member, mostly one that fits.
func (d documents) fitting(name string, depth int) string {
	switch {
	case d.dice(8) == 0:
		return "null"
	case d.dice(30) == 0:
		return d.value(depth)
	}
	name = strings.ToLower(name)
	switch {
	case name == "id", strings.HasSuffix(name, "_id") && name != "external_id":
		return d.pick(`"`+anID+`"`, `"`+anID+`"`, `"`+strings.ToUpper(anID)+`"`, `"{`+anID+`}"`, `"urn:uuid:`+anID+`"`,
			`"`+strings.ReplaceAll(anID, "-", "")+`"`, `"`+strings.Replace(anID, "3", `\u0033`, 1)+`"`, `""`)
	case strings.HasSuffix(name, "_on"):
		return d.pick(`"2026-02-28"`, `"2024-02-29"`, `"2026-02-29"`, `""`, `"0000-01-01"`, `"2026-2-8"`, `"2026-02-28T00:00:00Z"`, `"2026\u002d02-28"`)
	case strings.HasSuffix(name, "_at"):
		return d.pick(`"2026-02-28T12:34:56Z"`, `"2026-02-28T12:34:56.123456Z"`, `"2026-02-28T12:34:56+02:00"`, `"2026-02-28T24:00:00Z"`,
			`"2026-02-28 12:34:56Z"`, `"2026-02-28T1:34:56Z"`, `"2026-02-28T12:34:56,5Z"`, `""`, `"2026-02-28T12:34:60Z"`,
			`"2026-02-28T12:34:56+24:00"`, `"2026-02-28T12:34:56-19:59"`, `"2026-02-28T12:34:56+05:60"`, `"2026-02-28T12:34:56.+05:00"`, `"2026-02-28T12:34:56z"`)
	case name == "certification_type":
		return d.object([]string{"id", "slug", "title", "status"}, depth-1)
	case name == "team":
		return d.object([]string{"id", "name"}, depth-1)
	default:
		return d.pick(`"active"`, `"manual"`, `"North American Technician Excellence"`, d.text())
	}
}

// value draws any JSON, and at times more than any.
func (d documents) value(depth int) string {
	if depth > 0 {
		switch d.dice(4) {
		case 0:
			return d.object([]string{"a", "b", "c"}, depth-1)
		case 1:
			return "[" + d.space() + d.value(depth-1) + "," + d.value(depth-1) + "]"
		}
	}
	return d.pick(d.text(), "null", "true", "false", "0", "-0", "1e400", "12345678901234567890", "0.1", "[]", "{}", "[ ]", "7 ",
		"01", "tru", "nul", "+1", "1.", ".5", `"`, `"open`, strings.Repeat("[", 40)+strings.Repeat("]", 40))
}

// text draws a string.
func (d documents) text() string {
	return d.pick(`""`, `"plain"`, `"José"`, `"日本"`, `"\u00e9\n\"\\\/"`, `"\ud83d\ude00"`, `"\ud800"`, "\"\xff\"", "\"a\xc3\"", "\"\xed\xa0\x80\"",
		"\"\x00\"", "\"tab\there\"", `"\x41"`, `"\u12"`, "\"\u2028\"", `"`+strings.Repeat("long ", 20)+`"`, `"data"`, `"id"`)
}

// quoted writes a name as JSON, at times with an escape.
func (d documents) quoted(name string) string {
	if d.dice(30) == 0 {
		return `"\u00` + strconv.FormatUint(uint64(name[0]), 16) + name[1:] + `"`
	}
	return `"` + name + `"`
}

// damaged changes a byte.
func (d documents) damaged(text string) string {
	at := d.dice(len(text))
	return text[:at] + d.pick("", "\x00", `"`, `\`, "{", "}", "[", "]", ",", ":", " ", "n", "\xff", "\n", text[at:at+1]+text[at:at+1]) + text[at+1:]
}

func (d documents) space() string { return d.pick("", "", "", "", " ", "\n\t ", "\r\n") }

func (d documents) pick(of ...string) string { return rapid.SampledFrom(of).Draw(d.t, "pick") }

func (d documents) dice(sides int) int { return rapid.IntRange(0, max(0, sides-1)).Draw(d.t, "dice") }
