using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Host.Mef;
using Microsoft.CodeAnalysis.Text;
using RlNotebooks.Engine.References;

namespace RlNotebooks.Engine.Language;

/// <summary>
/// The compiled cells as a chain of projects, and after them the cell that is being written. Grows with the session, is never rebuilt. Reads assemblies on its own: the
/// compiler keeps its view of an assembly with the reference, and questions are asked while cells compile.
/// </summary>
internal sealed class SubmissionWorkspace : IDisposable
{
    private readonly AdhocWorkspace workspace = new(MefHostServices.DefaultHost);
    private readonly CSharpParseOptions parsing = CSharpParseOptions.Default.WithKind(SourceCodeKind.Script).WithLanguageVersion(LanguageVersion.Latest).WithDocumentationMode(DocumentationMode.Parse);
    private readonly Dictionary<string, MetadataReference> read = [];
    private Solution solution;
    private ProjectId? last;
    private DocumentId? written;

    public SubmissionWorkspace() => solution = workspace.CurrentSolution;

    /// <summary>Puts a compiled cell at the end of the chain.</summary>
    public void Add(Submission submission)
    {
        var compilation = (CSharpCompilation)submission.Script.GetCompilation();
        Drop();
        last = AddProject(submission.Code, compilation.Options, Own(compilation.References));
    }

    /// <summary>The cell being written, with this text.</summary>
    public Document Write(string code)
    {
        if (written is null)
        {
            var options = last is { } previous ? (CSharpCompilationOptions)solution.GetProject(previous)!.CompilationOptions! : First;
            var references = last is null ? Own(FrameworkReferences.All) : [];
            var project = AddProject(code, options.WithUsings(last is null ? ScriptChain.Usings : []), references);
            written = solution.GetProject(project)!.DocumentIds[0];
        }
        else
        {
            solution = solution.WithDocumentText(written, SourceText.From(code));
        }

        return solution.GetDocument(written)!;
    }

    public void Dispose() => workspace.Dispose();

    private static CSharpCompilationOptions First => new(OutputKind.DynamicallyLinkedLibrary, usings: ScriptChain.Usings, allowUnsafe: true);

    private void Drop()
    {
        if (written is { } document)
        {
            solution = solution.RemoveProject(document.ProjectId);
            written = null;
        }
    }

    private MetadataReference[] Own(IEnumerable<MetadataReference> references) =>
        references.OfType<PortableExecutableReference>().Select(r => r.FilePath).OfType<string>().Distinct().Select(Own).ToArray();

    private MetadataReference Own(string path) =>
        read.TryGetValue(path, out var known) ? known : read[path] = MetadataReference.CreateFromFile(path, documentation: new AssemblyDocumentation(path));

    // The references are all there: a resolver would bring the cells' own ones in again.
    private ProjectId AddProject(string code, CSharpCompilationOptions options, IEnumerable<MetadataReference> references)
    {
        var id = ProjectId.CreateNewId();
        var name = $"cell{solution.ProjectIds.Count}";
        solution = solution.AddProject(ProjectInfo.Create(id, VersionStamp.Create(), name, name, LanguageNames.CSharp, isSubmission: true,
                compilationOptions: options.WithScriptClassName("Submission").WithMetadataReferenceResolver(null), parseOptions: parsing, metadataReferences: [.. references],
                projectReferences: last is { } previous ? ImmutableArray.Create(new ProjectReference(previous)) : []))
            .AddDocument(DocumentId.CreateNewId(id), $"{name}.csx", SourceText.From(code));
        return id;
    }
}
