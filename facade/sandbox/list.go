package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/credkit/credkit-go/api/server"
	"github.com/credkit/credkit-go/api/spec"
)

// list responds with a page of any operation that is a list, as its row of the table
// says. The generated code has checked the types of its parameters.
func (s *Sandbox) list(w http.ResponseWriter, r *http.Request, id spec.OperationID) {
	v, op := s.find(id)
	paging, query := &op.Pagination, r.URL.Query()
	size, reason := v.pageSize, ""
	if paging.MaxSize > 0 {
		size = min(size, paging.MaxSize)
	}
	if text := query.Get(paging.SizeParameter); text != "" {
		size, reason = checkRange(paging.SizeParameter, text, paging.MaxSize)
		if v.maxPageSize > 0 {
			size = min(size, v.maxPageSize)
		}
	}
	position, offset, number := query.Get(paging.CursorParameter), 0, 1
	switch {
	case position == "" || reason != "":
	case paging.Style == spec.PageCursor:
		var ok bool
		if offset, ok = s.readCursor(position); !ok {
			reason = paging.CursorParameter + " is not from a previous list response"
		}
	default:
		number, reason = checkRange(paging.CursorParameter, position, 0)
	}
	if reason != "" {
		v.violation(w, r, reason)
		return
	}
	owner, ok := v.authorize(w, r, op)
	if !ok {
		return
	}
	list := s.elements(op, owner)
	switch {
	case paging.Style == spec.PageCursor && s.set.unpaged && len(paging.Required) == 0:
		s.stream(w, list, 0, list.len(), "{"+quote(paging.Items)+":[", "]}")
	case paging.Style == spec.PageCursor:
		s.cursorPage(w, op, list, min(offset, list.len()), size)
	case s.set.bareArray:
		s.stream(w, list, 0, list.len(), "[", "]")
	default:
		s.numberedPage(w, r, op, list, number, size)
	}
}

// find returns the service of an operation, and its row. The generated code has
// the ids of the tables and no others.
func (s *Sandbox) find(id spec.OperationID) (*service, *spec.Operation) {
	if op, ok := s.certn.table.Operation(id); ok {
		return s.certn, op
	}
	op, _ := s.cosmic.table.Operation(id)
	return s.cosmic, op
}

// cursorPage responds with a page whose envelope has the cursor of the next one.
func (s *Sandbox) cursorPage(w http.ResponseWriter, op *spec.Operation, list rows, offset, size int) {
	paging := &op.Pagination
	end := offset + min(size, list.len()-offset)
	more := end < list.len()
	var members []member
	switch {
	case more:
		members = append(members, member{paging.Next, quote(s.cursor(end))})
	case !s.set.noLastCursor || required(paging, paging.Next):
		members = append(members, member{paging.Next, "null"})
	}
	if paging.More != nil {
		members = append(members, member{paging.More, strconv.FormatBool(more)})
	}
	s.stream(w, list, offset, end, "{"+quote(paging.Items)+":[", "],"+object(members)[1:])
}

// required reports whether a page must have a member.
func required(paging *spec.Pagination, path []string) bool {
	return slices.ContainsFunc(paging.Required, func(have []string) bool { return slices.Equal(have, path) })
}

// numberedPage responds with a page whose envelope has the address of the next one,
// in the form of Django REST framework.
func (s *Sandbox) numberedPage(w http.ResponseWriter, r *http.Request, op *spec.Operation, list rows, number, size int) {
	pages := max(1, (list.len()+size-1)/size)
	if number > pages {
		detail(w, http.StatusNotFound, "Invalid page.")
		return
	}
	var members []member
	if op.Pagination.Count != nil {
		members = append(members, member{op.Pagination.Count, strconv.Itoa(list.len())})
	}
	members = append(members,
		member{op.Pagination.Next, s.pageLink(r, op, number+1, pages)},
		member{[]string{"previous"}, s.pageLink(r, op, number-1, pages)})
	head, _ := strings.CutSuffix(object(members), "}")
	begin := (number - 1) * size
	s.stream(w, list, begin, min(begin+size, list.len()), head+","+quote(op.Pagination.Items)+":[", "]}")
}

// member is a member of an object, by the path to it, with its JSON.
type member struct {
	path []string
	json string
}

// object writes members in their order; neighbours below the same name are in
// one object.
func object(members []member) string {
	var parts []string
	for len(members) > 0 {
		name, n := members[0].path[0], 1
		value := members[0].json
		if len(members[0].path) > 1 {
			var inner []member
			for n = 0; n < len(members) && members[n].path[0] == name; n++ {
				inner = append(inner, member{members[n].path[1:], members[n].json})
			}
			value = object(inner)
		}
		parts = append(parts, quote(name)+":"+value)
		members = members[n:]
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// checkRange reads a page size or number, or says what is wrong with it;
// atMost is 0 where no bound is described.
func checkRange(name, text string, atMost int) (n int, reason string) {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 0, name + " is not a number"
	case n < 1:
		return 0, fmt.Sprintf("%s is %d: want at least 1", name, n)
	case atMost > 0 && n > atMost:
		return 0, fmt.Sprintf("%s is %d: want at most %d", name, n, atMost)
	}
	return n, ""
}

// cursor is the opaque position of a row.
func (s *Sandbox) cursor(offset int) string {
	text := "o" + strconv.Itoa(offset)
	return encoding.EncodeToString(append([]byte(text+"."), s.mac("cursor" + text)[:6]...))
}

// readCursor reads what cursor wrote.
func (s *Sandbox) readCursor(cursor string) (offset int, ok bool) {
	b, err := encoding.DecodeString(cursor)
	if err != nil {
		return 0, false
	}
	number, _, ok := strings.Cut(strings.TrimPrefix(string(b), "o"), ".")
	offset, err = strconv.Atoi(number)
	if !ok || err != nil || s.cursor(offset) != cursor {
		return 0, false
	}
	return offset, true
}

// pageLink is the address of another page in JSON, or null. It is absolute,
// and http as in old recordings, whatever the scheme of the request.
func (s *Sandbox) pageLink(r *http.Request, op *spec.Operation, page, pages int) string {
	if page < 1 || page > pages {
		return "null"
	}
	from := s.set.nextLinkOrigin
	if from == "" {
		_, host, _ := strings.Cut(origin(r), "://")
		from = "http://" + host
	}
	q := r.URL.Query()
	q.Set(op.Pagination.CursorParameter, strconv.Itoa(page))
	if page == 1 {
		q.Del(op.Pagination.CursorParameter)
	}
	link := from + s.set.basePath + op.Path
	if len(q) > 0 {
		link += "?" + q.Encode()
	}
	return quote(link)
}

// quote writes a JSON string; & stays readable.
func quote(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string always can
	return string(bytes.TrimSpace(b.Bytes()))
}

// exampleRows are made of the examples of openapi.yaml in turn, each with an id
// of its own.
type exampleRows struct {
	examples []string
	base     uint64
}

func newExampleRows(set *settings, op *spec.Operation, owner string) exampleRows {
	return exampleRows{server.Examples[op.ID], mix(mix(set.seed, hashString(string(op.ID))), hashString(owner))}
}

func (e exampleRows) len() int { return defaultRows }

func (e exampleRows) appendRow(b []byte, i int) []byte {
	var row map[string]json.RawMessage
	_ = json.Unmarshal([]byte(e.examples[i%len(e.examples)]), &row) // api/gen has written it
	row["id"] = json.RawMessage(quote(uuidOf(mix(e.base, uint64(i)))))
	element, _ := json.Marshal(row)
	return append(b, element...)
}
