using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using RlNotebooks.Documents;

namespace RlNotebooks.Tests;

/// <summary>The notebooks as committed: short cells, more prose than code, executed, and light enough to be read where no code runs.</summary>
public sealed partial class NotebookStyleTests
{
    private const int LargestNotebook = 300_000, LargestOutput = 60_000;
    private const int LongestLine = 100; // what a page of 900 pixels shows without scrolling
    private const string Template = "template.ipynb";

    public static IEnumerable<object[]> Notebooks =>
        Directory.EnumerateFiles(Repository.Path("notebooks"), "*.ipynb").Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal).Select(name => new object[] { name });

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void The_title_is_a_question(string name)
    {
        var title = Load(name).Cells[0].FirstLine;
        Assert.StartsWith("# ", title, StringComparison.Ordinal);
        Assert.True(title.EndsWith('?') || name == Template, $"{name}: '{title}' asks nothing.");
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void The_first_code_cell_references_the_kit_and_the_next_holds_literals_only(string name)
    {
        var code = Code(name);
        Assert.StartsWith("#r \"../src/RlPrimitives.Notebooks/bin/Release/net10.0/RlPrimitives.Notebooks.dll\"", code[0].Source, StringComparison.Ordinal);
        Assert.Equal([1], Enumerable.Range(0, code.Length).Where(i => code[i].HasTag("parameters")));
        var members = Parsed(code[1]).Members;
        Assert.NotEmpty(members);
        Assert.All(members, m => Assert.All(Assert.IsType<FieldDeclarationSyntax>(m).Declaration.Variables, v => Assert.True(
            v.Initializer?.Value is LiteralExpressionSyntax or PrefixUnaryExpressionSyntax { Operand: LiteralExpressionSyntax }, $"{name}: the parameter {v} is not a literal.")));
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void Cells_are_short_and_there_are_8_to_25_of_them(string name)
    {
        var code = Code(name);
        Assert.InRange(code.Length, 8, 25);
        var lines = code.Select(c => c.Source.Split('\n').Count(l => l.Trim().Length > 0)).Order().ToArray();
        Assert.True(lines[^1] <= 20, $"{name}: a cell has {lines[^1]} lines.");
        Assert.True(lines[lines.Length / 2] <= 6, $"{name}: half of the cells have {lines[lines.Length / 2]} lines or more.");
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void Lines_of_code_are_read_without_scrolling(string name) =>
        Assert.All(Code(name).SelectMany(c => c.Source.Split('\n')), line => Assert.True(line.TrimEnd().Length <= LongestLine, $"{name}: {line.Length} characters, {line}"));

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void There_are_more_cells_of_prose_than_of_code(string name)
    {
        var cells = Load(name).Cells;
        Assert.True(cells.Count(c => c.IsMarkdown) > cells.Count(c => c.IsCode), $"{name}: {cells.Count(c => c.IsMarkdown)} of prose, {cells.Count(c => c.IsCode)} of code.");
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void Every_cell_was_executed_in_order_without_an_error(string name)
    {
        var code = Code(name);
        Assert.Equal(Enumerable.Range(1, code.Length), code.Select(c => c.Json["execution_count"]?.GetValue<int>() ?? 0));
        Assert.DoesNotContain("error", code.SelectMany(c => c.Outputs).Select(o => o!["output_type"]!.ToString()));
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void It_claims_something_that_could_fail(string name) =>
        Assert.Contains(Code(name), c => Parsed(c).DescendantNodes().Any(n => n is ThrowStatementSyntax or ThrowExpressionSyntax));

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void What_owns_memory_is_disposed_of_in_the_last_cell(string name)
    {
        var code = Code(name);
        var owners = code.SelectMany(c => Parsed(c).Members).OfType<FieldDeclarationSyntax>().SelectMany(f => f.Declaration.Variables)
            .Where(v => v.Initializer is { Value: not LambdaExpressionSyntax } value && Owner().IsMatch(value.ToString())).Select(v => v.Identifier.ValueText).Distinct();
        Assert.All(owners, owner => Assert.Contains($"{owner}.Dispose()", code[^1].Source, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void It_is_plain_script_that_other_kernels_run_too(string name)
    {
        Assert.All(Code(name), cell =>
        {
            Assert.DoesNotContain("\n#!", "\n" + cell.Source, StringComparison.Ordinal);
            var script = Parsed(cell);
            Assert.DoesNotContain(script.GetDiagnostics(), d => d.Severity == DiagnosticSeverity.Error);
            Assert.DoesNotContain(script.DescendantNodes(), n => n is BaseNamespaceDeclarationSyntax);
            Assert.DoesNotContain(script.Members.OfType<GlobalStatementSyntax>(), s => s.Statement is LocalDeclarationStatementSyntax { UsingKeyword.RawKind: not 0 });
        });
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void Its_metadata_is_what_editors_open_well(string name)
    {
        var root = JsonNode.Parse(File.ReadAllText(Repository.Path("notebooks", name)))!;
        Assert.Equal((4, 5), ((int)root["nbformat"]!, (int)root["nbformat_minor"]!));
        var wanted = JsonNode.Parse("""
            {"kernelspec": {"display_name": ".NET (C#)", "language": "C#", "name": ".net-csharp"},
             "language_info": {"name": "C#", "file_extension": ".cs", "mimetype": "text/x-csharp", "pygments_lexer": "csharp", "version": "14.0"},
             "polyglot_notebook": {"kernelInfo": {"defaultKernelName": "csharp", "items": [{"aliases": [], "name": "csharp"}]}}}
            """);
        Assert.True(JsonNode.DeepEquals(wanted, root["metadata"]), $"{name}: {root["metadata"]}");
        var cells = Load(name).Cells;
        Assert.Equal(cells.Count, cells.Select(c => c.Json["id"]!.ToString()).Distinct().Count());
        Assert.All(cells.Where(c => c.IsCode), c => Assert.Equal(
            ("csharp", "csharp"), (c.Json["metadata"]?["dotnet_interactive"]?["language"]?.ToString(), c.Json["metadata"]?["polyglot_notebook"]?["kernelName"]?.ToString())));
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void It_is_light_and_every_figure_has_a_drawing_for_readers_without_scripts(string name)
    {
        Assert.InRange(new FileInfo(Repository.Path("notebooks", name)).Length, 1, LargestNotebook);
        Assert.All(Code(name).SelectMany(c => c.Outputs), output =>
        {
            var text = output!.ToJsonString(Readable);
            Assert.True(System.Text.Encoding.UTF8.GetByteCount(text) <= LargestOutput, $"{name}: an output of {text.Length} characters, {text[..Math.Min(200, text.Length)]}…");
            Assert.DoesNotContain("plotly.js v", text, StringComparison.Ordinal);
            if (output["data"]?["application/vnd.plotly.v1+json"] is not null)
            {
                Assert.Contains("<svg", NotebookCell.Text(output["data"]!["text/html"]), StringComparison.Ordinal);
            }
        });
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void The_table_of_contents_has_it(string name) =>
        Assert.Contains($"]({name}) |", File.ReadAllText(Repository.Path("notebooks", "README.md")), StringComparison.Ordinal);

    [Fact]
    public void Every_notebook_of_the_table_of_contents_is_there() => Assert.All(
        Listed().Matches(File.ReadAllText(Repository.Path("notebooks", "README.md"))), m => Assert.True(File.Exists(Repository.Path("notebooks", m.Groups[1].Value)), m.Value));

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void It_names_no_path_of_the_machine_it_ran_on(string name)
    {
        var text = File.ReadAllText(Repository.Path("notebooks", name));
        Assert.DoesNotMatch(MachinePath(), text);
        Assert.DoesNotContain(Repository.Root, text, StringComparison.Ordinal);
    }

    // Characters as they are: what is counted is what the file holds.
    private static readonly JsonSerializerOptions Readable = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static Notebook Load(string name) => Notebook.Load(Repository.Path("notebooks", name));

    private static NotebookCell[] Code(string name) => [.. Load(name).Cells.Where(c => c.IsCode)];

    private static CompilationUnitSyntax Parsed(NotebookCell cell) =>
        (CompilationUnitSyntax)CSharpSyntaxTree.ParseText(cell.Source, CSharpParseOptions.Default.WithKind(SourceCodeKind.Script)).GetRoot();

    [GeneratedRegex(@"\bInferenceModule\b|\bnew BackpropModule\b")]
    private static partial Regex Owner();

    [GeneratedRegex(@"\]\(([\w-]+\.ipynb)\) \|")]
    private static partial Regex Listed();

    [GeneratedRegex(@"(?<![\w.~/])/(home|root|work|tmp|Users|var|opt|mnt)/\w|[A-Za-z]:\\\\\w+\\\\", RegexOptions.CultureInvariant)]
    private static partial Regex MachinePath();
}
