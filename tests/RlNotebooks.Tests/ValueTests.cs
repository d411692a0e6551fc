using Microsoft.Data.Analysis;
using RlNotebooks.Engine.Formatting;

namespace RlNotebooks.Tests;

/// <summary>What values look like, as text and as HTML.</summary>
public sealed class ValueTests
{
    static ValueTests() => RlPrimitives.Models.Native.TorchLibrary.EnsureLoaded();

    private sealed record Point(int X, Inner Inside, int[] Items);

    private sealed record Inner(string Name);

    [Fact]
    public void A_record_is_its_members_and_can_be_folded()
    {
        var value = new Point(1, new Inner("<b>"), [1, 2]);
        Assert.StartsWith("Point\n  X       1\n  Inside  Inner { Name = <b> }\n  Items   [1, 2]", Plain(value), StringComparison.Ordinal);
        var html = Html(value);
        Assert.StartsWith("<details open><summary>Point</summary>", html, StringComparison.Ordinal);
        Assert.Contains("<td><details><summary>Inner</summary>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", html, StringComparison.Ordinal);
    }

    [Fact]
    public void An_anonymous_object_is_a_plain_table_without_a_name()
    {
        var value = new { Text = "<75>", Stop = 3 };
        Assert.Equal("Text  <75>\nStop  3", Plain(value));
        Assert.Equal("<table><tbody><tr><th>Text</th><td>&lt;75&gt;</td></tr><tr><th>Stop</th><td>3</td></tr></tbody></table>", Html(value));
    }

    [Fact]
    public void A_collection_of_records_is_a_table_with_its_first_rows_and_the_count()
    {
        var html = Html(Enumerable.Range(0, 1000).Select(i => new Inner($"n{i}")).ToList());
        Assert.Contains("<th>Name</th>", html, StringComparison.Ordinal);
        Assert.Contains("n19", html, StringComparison.Ordinal);
        Assert.DoesNotContain("n20", html, StringComparison.Ordinal);
        Assert.Contains("1,000 rows, the first 20 shown", html, StringComparison.Ordinal);
    }

    [Fact]
    public void The_numbers_of_a_data_frame_have_six_digits() =>
        Assert.Equal("a         n\n0.333333  7\n(1 row)", Plain(new DataFrame(new DoubleDataFrameColumn("a", [1 / 3.0]), new Int32DataFrameColumn("n", [7]))));

    [Fact]
    public void Long_text_is_cut_with_a_count()
    {
        var text = Plain(new string('x', 1_000_000));
        Assert.True(text.Length < 21_000);
        Assert.EndsWith("… (1,000,000 characters, the first 20,000 shown)", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Strings_cannot_inject_markup_anywhere()
    {
        const string evil = "<img src=x onerror=alert(1)>";
        foreach (object value in new object[] { evil, new[] { evil }, new Dictionary<string, string> { [evil] = evil }, new { A = evil }, new Inner(evil), new InvalidOperationException(evil), new[] { new Inner(evil) } })
        {
            Assert.DoesNotContain("<img", Html(value), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_tensor_is_shape_type_device_and_a_few_values()
    {
        using var tensor = TorchSharp.torch.arange(1000, dtype: TorchSharp.torch.float32).reshape(10, 100).t();
        Assert.Equal("Tensor [100, 10] float32 cpu\n[0, 100, 200, 300, 400, 500, 600, 700, …] (1,000 values, the first 8 shown)", Plain(tensor));
        using var small = TorchSharp.torch.tensor(new[] { true, false });
        Assert.Equal("Tensor [2] bool cpu\n[true, false]", Plain(small));
        using var empty = TorchSharp.torch.zeros(0, 3);
        Assert.Equal("Tensor [0, 3] float32 cpu, empty", Plain(empty));
        var gone = TorchSharp.torch.zeros(1);
        gone.Dispose();
        Assert.Equal("Tensor (disposed)", Plain(gone));
        Assert.Contains("Tensor [2] bool cpu", Plain(new { T = small }), StringComparison.Ordinal);
    }

    [Fact]
    public void Showing_a_tensor_leaves_none_behind()
    {
        using var tensor = TorchSharp.torch.rand(4, 4);
        Plain(tensor);
        var before = TorchSharp.torch.Tensor.TotalCount;
        Plain(tensor);
        Assert.Equal(before, TorchSharp.torch.Tensor.TotalCount);
    }

    [Fact]
    public void Exceptions_and_tasks_say_what_they_are()
    {
        Assert.Equal("InvalidOperationException: a\n---> ArgumentException: b", Plain(new InvalidOperationException("a", new ArgumentException("b"))));
        Assert.Equal("Task<int> (WaitingForActivation); use await for its result", Plain(new TaskCompletionSource<int>().Task));
    }

    private static string Plain(object value) => PlainText.Of(value);

    private static string Html(object value) => HtmlText.Of(value);
}
