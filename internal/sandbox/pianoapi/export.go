package pianoapi

import (
	"archive/zip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// jobs holds the scheduled exports.
type jobs struct {
	mu   sync.Mutex
	jobs map[string]*job
}

// job is one export.
type job struct {
	from, to time.Time // of the start date; to is exclusive
	groups   []string
	asked    int  // number of status requests
	failed   bool // the export fails
}

// FailExport makes all running exports fail.
func (s *Server) FailExport() {
	s.jobs.mu.Lock()
	defer s.jobs.mu.Unlock()
	for _, j := range s.jobs.jobs {
		j.failed = true
	}
}

// jobDescription is a job as the reports API returns it.
type jobDescription struct {
	ID        string  `json:"export_id"`
	Request   any     `json:"report_request"`
	Status    string  `json:"job_status"`
	ErrorText *string `json:"error_text"`
	Percent   int     `json:"percent_complete"`
}

// attributeGroups are the valid attribute groups.
const attributeGroups = " DEFAULT RENEWABLE_GIFT USER PAYMENT UPGRADES AUTORENEW MODIFY_TIME "

func (s *Server) schedule(r *http.Request) wire.Answer {
	const day = "2006-01-02"
	from, err := time.Parse(day, r.Form.Get("start_date_from"))
	if err != nil {
		return badReport("start_date_from must be yyyy-MM-dd")
	}
	to, err := time.Parse(day, r.Form.Get("start_date_to"))
	if err != nil || to.Before(from) {
		return badReport("start_date_to must be yyyy-MM-dd, not before start_date_from")
	}
	if r.Form.Get("file_name") == "" {
		return badReport("file_name is required")
	}
	j := &job{from: from, to: to.AddDate(0, 0, 1), groups: r.Form["attribute_groups"]}
	for _, g := range j.groups {
		if !strings.Contains(attributeGroups, " "+g+" ") {
			return badReport("attribute_groups: one is unknown")
		}
	}
	s.jobs.mu.Lock()
	defer s.jobs.mu.Unlock()
	if s.jobs.jobs == nil {
		s.jobs.jobs = map[string]*job{}
	}
	id := fmt.Sprintf("EX%06d", len(s.jobs.jobs)+1)
	s.jobs.jobs[id] = j
	return wire.Answer{Bare: true, Payload: jobDescription{ID: id, Request: map[string]string{"file_name": r.Form.Get("file_name")}, Status: "CREATED"}}
}

func badReport(what string) wire.Answer {
	return wire.Answer{Bare: true, Status: http.StatusBadRequest, Payload: map[string]any{"code": wire.CodeInvalid, "message": what, "ts": 0}}
}

func (s *Server) exportStatus(r *http.Request) wire.Answer {
	id := r.Form.Get("export_id")
	s.jobs.mu.Lock()
	defer s.jobs.mu.Unlock()
	j := s.jobs.jobs[id]
	if j == nil {
		return badReport("there is no such export")
	}
	j.asked++
	d := jobDescription{ID: id, Percent: min(100, 100*j.asked/(s.cfg.Export.Polls+1))}
	switch {
	case j.failed:
		reason := "The report could not be made"
		d.Status, d.ErrorText = "FAILED", &reason
	case j.asked > s.cfg.Export.Polls:
		d.Status = "FINISHED"
	case j.asked == 1:
		d.Status = "CREATED"
	case j.asked%3 == 0:
		d.Status = "REPROCESS"
	default:
		d.Status = "IN_PROGRESS"
	}
	return wire.Answer{Bare: true, Payload: d}
}

func (s *Server) downloadURL(r *http.Request) wire.Answer {
	id := r.Form.Get("export_id")
	s.jobs.mu.Lock()
	defer s.jobs.mu.Unlock()
	j := s.jobs.jobs[id]
	if j == nil || j.failed || j.asked <= s.cfg.Export.Polls {
		return badReport("the export is not finished")
	}
	return wire.Answer{Bare: true, Payload: map[string]string{"url": "http://" + s.Addr() + filesPath + id + "?signature=canary-signature"}}
}

// file serves the export itself. The signature in its URL is the authorization.
func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	s.jobs.mu.Lock()
	j := s.jobs.jobs[strings.TrimPrefix(r.URL.Path, filesPath)]
	s.jobs.mu.Unlock()
	if j == nil || r.URL.Query().Get("signature") != "canary-signature" || r.Header.Get("api_token") != "" {
		http.Error(w, "Forbidden", http.StatusForbidden)
		return
	}
	s.faults.answer(w, r, filesPath, func(w http.ResponseWriter) {
		if err := s.writeFile(w, j); err != nil {
			panic(http.ErrAbortHandler) // a truncated file must not look complete
		}
	})
}

func (s *Server) writeFile(w http.ResponseWriter, j *job) error {
	switch s.cfg.Export.File {
	case ZippedCSV:
		w.Header().Set("Content-Type", "application/zip")
		archive := zip.NewWriter(w)
		entry, err := archive.Create("subscriptionLog.csv")
		if err == nil {
			err = WriteCSV(entry, s.store, j.from, j.to)
		}
		if closeErr := archive.Close(); err == nil {
			err = closeErr
		}
		return err
	case CSVWithBOM:
		if _, err := io.WriteString(w, "\ufeff"); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "text/csv")
	return WriteCSV(w, s.store, j.from, j.to)
}
