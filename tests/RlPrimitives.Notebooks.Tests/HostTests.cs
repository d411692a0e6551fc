using Microsoft.DotNet.Interactive;
using RlPrimitives.Notebooks.Live;

namespace RlPrimitives.Notebooks.Tests
{
    public class HostTests
    {
        private static Dictionary<string, string> Text(string text) => new() { ["text/plain"] = text, ["text/html"] = $"<b>{text}</b>" };

        [Fact]
        public void A_log_gets_whole_lines_ten_seconds_apart_and_is_no_terminal()
        {
            var console = new StringWriter { NewLine = "\n" };
            var host = new ConsoleHost(console);
            host.Display(Text("a")).Update(Text("b"));

            Assert.Equal("a\nb\n", console.ToString());
            Assert.Equal(TimeSpan.FromSeconds(10), host.UpdateInterval);
            Assert.Null(host.Terminal());
            Assert.IsType<HostView>(ITrainingView.Of(host));
        }

        [Fact]
        public void Under_dotnet_interactive_html_goes_through_the_running_cell()
        {
            Assert.Null(DotNetInteractiveHost.TryCreate(typeof(HostTests).Assembly));
            KernelInvocationContext.Current = new KernelInvocationContext();
            try
            {
                var host = DotNetInteractiveHost.TryCreate(typeof(HostTests).Assembly)!;
                var output = host.Display(Text("one"));
                output.Update(Text("two"));

                var shown = KernelInvocationContext.Current.Shown;
                Assert.Equal(["text/html"], shown.MimeTypes);
                Assert.Equal(["one", "two"], shown.Values.Select(v => v.ToString()));
            }
            finally
            {
                KernelInvocationContext.Current = null;
            }
        }

        [Fact]
        public void Without_a_kernel_there_is_no_kernel_host() => Assert.Null(DotNetInteractiveHost.TryCreate());
    }
}

// The three types of .NET Interactive that the kit reaches by name, with the shapes they have there.
namespace Microsoft.DotNet.Interactive
{
    public sealed class KernelInvocationContext
    {
        public static KernelInvocationContext? Current { get; set; }

        public DisplayedValue Shown { get; } = new();
    }

    public static class KernelInvocationContextExtensions
    {
        public static DisplayedValue Display(this KernelInvocationContext context, object value, params string[] mimeTypes)
        {
            context.Shown.MimeTypes = mimeTypes;
            context.Shown.Update(value);
            return context.Shown;
        }

        public static DisplayedValue Display(this KernelInvocationContext context, string value, string mimeType) => throw new InvalidOperationException($"Not this one: {value} {mimeType} {context}.");
    }

    public sealed class DisplayedValue
    {
        public string[] MimeTypes { get; set; } = [];

        public List<object> Values { get; } = [];

        public void Update(object updatedValue) => Values.Add(updatedValue);
    }
}
