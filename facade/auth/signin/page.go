package signin

import (
	"bytes"
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"strconv"
)

//go:embed page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// page is what a person sees at the end of a sign-in.
type page struct {
	Title, Text, Code, Description string
	OK                             bool

	status int
}

// pageOf says how a sign-in that a program on this machine began has ended. nil is
// success.
func pageOf(err error) page {
	var se *Error
	switch {
	case err == nil:
		return page{OK: true, status: http.StatusOK, Title: "You are signed in", Text: "You can close this window and go back to the program."}
	case errors.Is(err, ErrState):
		return page{status: http.StatusBadRequest, Title: "This is not the sign-in in progress", Text: "The answer belongs to another attempt. Go on in the window that the program opened."}
	case errors.Is(err, errSpent):
		return page{OK: true, status: http.StatusOK, Title: "This sign-in is done", Text: "You can close this window and go back to the program."}
	case errors.Is(err, errNotSaved):
		return page{status: http.StatusInternalServerError, Title: "You are not signed in", Text: "You agreed, but the program could not save the sign-in. Go back to it to see why and to try again."}
	case errors.As(err, &se):
		p := page{status: http.StatusBadRequest, Title: "Sign-in failed", Text: "The program was told. Go back to it to try again.", Code: se.Code, Description: se.Description}
		if se.Code == "" {
			p.Description = se.Problem
		}
		return p
	default:
		return page{status: http.StatusBadGateway, Title: "Sign-in failed", Text: "You agreed, but the program could not get its token. Go back to it to see why and to try again."}
	}
}

// write sends the page. It loads nothing and can be framed by nobody.
func (p page) write(w http.ResponseWriter) {
	var body bytes.Buffer
	if err := pageTemplate.Execute(&body, p); err != nil {
		http.Error(w, p.Title, p.status)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.status)
	// Neither can fail but for a browser that has gone.
	_, _ = body.WriteTo(w)
	_ = http.NewResponseController(w).Flush()
}
