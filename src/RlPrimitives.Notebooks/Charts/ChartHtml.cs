using System.Security.Cryptography;
using System.Text;
using Plotly.NET;
using RlPrimitives.Notebooks.Formatting;

namespace RlPrimitives.Notebooks.Charts;

/// <summary>A figure as HTML that stands alone: the static drawing, and a script that replaces it with the interactive one where it can.</summary>
internal static class ChartHtml
{
    private const string PlotlyAddress = "https://cdn.plot.ly/plotly-2.28.0.min.js";

    /// <summary>A fragment for a notebook; plotly.js is taken from the page or loaded once, with AMD loaders kept away from it.</summary>
    /// <remarks>The id comes from the content: a notebook run again gives the same text, and two outputs with one id show one figure.</remarks>
    public static string Fragment(string json, string svg, int height)
    {
        var id = "rl-chart-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(json)))[..12];
        return FormattableString.Invariant($$"""
            <div id="{{id}}" style="min-height:{{height}}px">{{svg}}</div>
            <script>
            (function () {
              var figure = {{json}};
              function draw() {
                document.querySelectorAll('#{{id}}:not([data-drawn])').forEach(function (host) {
                  host.setAttribute('data-drawn', '');
                  var still = host.firstElementChild, live = document.createElement('div');
                  function back() { live.remove(); still.style.display = ''; }
                  still.style.display = 'none';
                  host.appendChild(live);
                  try { Promise.resolve(window.Plotly.newPlot(live, figure.data, figure.layout, figure.config)).catch(back); } catch (error) { back(); }
                });
              }
              if (window.Plotly) { draw(); return; }
              if (window.rlPlotlyQueue) { window.rlPlotlyQueue.push(draw); return; }
              window.rlPlotlyQueue = [draw];
              var define = window.define, script = document.createElement('script');
              function done() {
                window.define = define;
                var queue = window.rlPlotlyQueue;
                window.rlPlotlyQueue = undefined;
                if (window.Plotly) { queue.forEach(function (run) { run(); }); }
              }
              window.define = undefined;
              script.src = '{{PlotlyAddress}}';
              script.onload = script.onerror = done;
              document.head.appendChild(script);
            })();
            </script>
            """);
    }

    /// <summary>A page with plotly.js inside, for reading offline.</summary>
    public static string Page(string title, string fragment) => HtmlPage.Of(title, fragment, PlotlySource());

    private static string PlotlySource()
    {
        using var resource = typeof(GenericChart).Assembly.GetManifestResourceStream("Plotly.NET.plotly-2.28.0.min.js")
            ?? throw new InvalidOperationException("Plotly.NET carries no plotly.js 2.28.0: another version of it is loaded than the 6.0.0 this library is built with.");
        using var reader = new StreamReader(resource, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
