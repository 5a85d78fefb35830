document.title = `${document.body.textContent.split(/\s+/).length} words`;
