using System.Net;
using System.Security.Cryptography;
using System.Text;
using RlPrimitives.Notebooks.Charts;

namespace RlPrimitives.Notebooks;

/// <summary>The look of a table, and a field to search in it. Cells keep their line breaks; nothing in them is markup.</summary>
internal static class HtmlTable
{
    /// <param name="table">A table element whose texts are escaped.</param>
    /// <param name="footer">Below it, plain text.</param>
    /// <param name="isSearchable">Whether a script shows a field that hides rows without its words.</param>
    public static string Fragment(string table, string footer, bool isSearchable)
    {
        var id = "rl-table-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(table)))[..12];
        var search = isSearchable ? $"<input type=\"search\" placeholder=\"search\" hidden style=\"font:13px sans-serif;margin-bottom:4px\"> <span style=\"font-size:12px;color:{Palette.Grey}\"></span>" : "";
        var style = $"#{id} table{{border-collapse:collapse;font-size:13px}}#{id} th,#{id} td{{text-align:left;vertical-align:top;padding:4px 8px;border-bottom:1px solid rgba(128,128,128,0.25);white-space:pre-wrap;overflow-wrap:anywhere;max-width:32em}}";
        return $"<div id=\"{id}\" style=\"overflow-x:auto\"><style>{style}</style>{search}{table}<div style=\"font-size:12px;color:{Palette.Grey}\">{WebUtility.HtmlEncode(footer)}</div></div>{(isSearchable ? Script(id) : "")}";
    }

    private static string Script(string id) => $$"""
        <script>
        document.querySelectorAll('#{{id}}:not([data-ready])').forEach(function (host) {
          host.setAttribute('data-ready', '');
          var field = host.querySelector('input'), found = host.querySelector('span'), rows = host.querySelectorAll('tbody tr');
          field.hidden = false;
          field.addEventListener('input', function () {
            var words = field.value.toLowerCase().split(/\s+/), count = 0;
            rows.forEach(function (row) {
              var text = row.textContent.toLowerCase(), hit = words.every(function (word) { return text.indexOf(word) >= 0; });
              row.style.display = hit ? '' : 'none';
              count += hit ? 1 : 0;
            });
            found.textContent = field.value ? count + ' of ' + rows.length : '';
          });
        });
        </script>
        """;
}
